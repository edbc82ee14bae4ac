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
  outgoing_owed_ = nullptr;
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

void Receiver::notify_state(MessageType type, uint32_t package_id, Cause cause) {
  news_.type = type;
  news_.package_id = package_id;
  news_.reason = cause.reason();
  news_.detail = cause.detail();
  for (Talk& talk : talks_) talk.news_owed = 1;
  outgoing_owed_ = nullptr;
}

// To a query it says all that another one would.
inline void Receiver::make_report() {
  const uint32_t next = intake_.arrived(outgoing_.data.data() + kReportBytes);
  const uint32_t limit = limit_count(next);
  ReportHead report;
  report.asked = (report_owed_ & kReportAsked) != 0;
  report.epoch_low = static_cast<uint8_t>(result_.epoch);
  report.next_wanted = static_cast<uint16_t>(next);
  report.limit = static_cast<uint8_t>(limit - next);
  report.durable_low = static_cast<uint8_t>(durable_);
  announced_ = limit;  // no other report will be sent before this one
  encode(report, &outgoing_);
}

// To each connection what its transfer owes, then the reply, then news of the running model.
bool Receiver::find_frame() {
  for (uint32_t slot = 0; slot < kConnectionsMax; ++slot) {
    Talk& talk = talk_at(slot);  // also of who has gone: another connection may get its number
    if (talk.stack_full) continue;
    outgoing_to_ = &talk;
    const bool of_transfer = talk.peer == peer_;
    const Notice* notice = &talk.reply;
    outgoing_owed_ = &talk.reply_owed;
    if (of_transfer && result_owed_ != 0) {
      notice = &result_;
      outgoing_owed_ = &result_owed_;
    } else if (of_transfer && report_owed_ != 0) {
      outgoing_owed_ = &report_owed_;
      make_report();
      return true;
    } else if (talk.reply_owed == 0) {
      notice = &news_;
      outgoing_owed_ = &talk.news_owed;
      if (!intake_.subscribed(slot)) talk.news_owed = 0;  // nobody is there to hear them
      if (talk.news_owed == 0) continue;
    }
    encode(*notice, &outgoing_);
    return true;
  }
  outgoing_owed_ = nullptr;
  return false;
}

Status Receiver::sent(bool taken) {
  uint8_t* const owed = outgoing_owed_;
  if (owed == nullptr) return Error::kIllegal;
  outgoing_owed_ = nullptr;
  outgoing_to_->stack_full = !taken;
  if (taken) {
    *owed = 0;
  } else {
    retry_at_ms_ = now_ms_ + config_.send_retry_ms;
  }
  return Status();
}

}  // namespace protocol
}  // namespace roost
