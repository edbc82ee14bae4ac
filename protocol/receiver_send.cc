// The receiver's frames: what is owed to whom, and in what order it goes.
#include "protocol/receiver.h"

namespace roost {
namespace protocol {

// The newest reply to a connection replaces one that is not sent yet: whoever missed an answer asks again, and nobody
// blocks anybody.
Notice& Receiver::reply(Talk& talk, MessageType type) {
  talk.reply = Notice();
  talk.reply.type = type;
  talk.reply_owed = 1;
  outgoing_from_ = nullptr;
  return talk.reply;
}

// To the last request, once more or for the first time.
void Receiver::reply_answer(Talk& talk) {
  Notice& notice = reply(talk, MessageType::kAnswer);
  notice.extra = talk.tag;
  notice.about = static_cast<uint8_t>(talk.asked);
  notice.reason = talk.reason;
  notice.detail = talk.detail;
}

void Receiver::notify_state(MessageType type, uint32_t package_id, Reason reason, uint16_t detail) {
  news_.type = type;
  news_.package_id = package_id;
  news_.reason = reason;
  news_.detail = detail;
  news_owed_ = (1u << kConnectionsMax) - 1;
  outgoing_from_ = nullptr;
}

// To a query it says all that another one would.
inline void Receiver::make_report() {
  const uint32_t next = intake_.arrived(outgoing_.data.data() + kReportBytes);
  const uint32_t limit = limit_count(next);
  ReportHead report;
  report.asked = (owed_ & kOwedAsked) != 0;
  report.epoch_low = static_cast<uint8_t>(result_.epoch);
  report.next_wanted = static_cast<uint16_t>(next);
  report.limit = static_cast<uint8_t>(limit - next);
  report.durable_low = static_cast<uint8_t>(durable_);
  announced_ = limit;  // no other report will be sent before this one
  encode(report, &outgoing_);
}

// To each connection what its transfer owes, then the reply, then news of the running model.
bool Receiver::find_frame() {
  outgoing_from_ = nullptr;
  for (uint32_t slot = 0; slot < kConnectionsMax; ++slot) {
    const uint32_t bit = 1u << slot;
    Talk& talk = talk_at(slot);  // also of who has gone: another connection may get its number
    if ((stack_full_ & bit) != 0) continue;
    outgoing_slot_ = static_cast<uint8_t>(slot);
    const Notice* notice = &talk.reply;
    if (owed_ != 0 && talk.peer == peer_) {
      outgoing_from_ = &owed_;
      if ((owed_ & kOwedResult) == 0) {
        outgoing_bits_ = kOwedAsked | kOwedReport;
        make_report();
        return true;
      }
      outgoing_bits_ = kOwedResult;
      notice = &result_;
    } else if (talk.reply_owed != 0) {
      outgoing_from_ = &talk.reply_owed;
      outgoing_bits_ = 1;
    } else if ((news_owed_ & bit) != 0 && intake_.subscribed(slot)) {
      notice = &news_;
      outgoing_from_ = &news_owed_;
      outgoing_bits_ = static_cast<uint8_t>(bit);
    } else {
      news_owed_ = static_cast<uint8_t>(news_owed_ & ~bit);  // if they were, nobody is there to hear them
      continue;
    }
    encode(*notice, &outgoing_);
    return true;
  }
  return false;
}

Status Receiver::sent(bool taken) {
  uint8_t* const owed = outgoing_from_;
  if (owed == nullptr) return Error::kIllegal;
  outgoing_from_ = nullptr;
  if (taken) {
    *owed = static_cast<uint8_t>(*owed & ~outgoing_bits_);
  } else {
    stack_full_ = static_cast<uint8_t>(stack_full_ | 1u << outgoing_slot_);
    retry_at_ms_ = now_ms_ + config_.send_retry_ms;
  }
  return Status();
}

}  // namespace protocol
}  // namespace roost
