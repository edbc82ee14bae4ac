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

// To the last request that was answered, once more or for the first time.
void Receiver::reply_answer(Talk& talk) {
  Notice& notice = reply(talk, MessageType::kAnswer);
  notice.extra = talk.tag;
  notice.about = static_cast<uint8_t>(talk.answered);
  notice.reason = talk.reason;
  notice.detail = talk.detail;
}

void Receiver::notify_state(MessageType type, uint32_t package_id, Cause cause) {
  news_.type = type;
  news_.package_id = package_id;
  news_.reason = cause.reason();
  news_.detail = cause.detail();
  news_owed_ = (1u << kConnectionsMax) - 1;
  outgoing_from_ = nullptr;
}

inline void Receiver::make_report(bool asked) {
  const uint32_t next = intake_.arrived(outgoing_.data.data() + kReportBytes);
  uint32_t limit = limit_count();
  if (limit > next + kReachFragments) limit = next + kReachFragments;  // a fragment came since
  ReportHead report;
  report.asked = asked;
  report.epoch_low = static_cast<uint8_t>(epoch_);
  report.next_wanted = static_cast<uint16_t>(next);
  report.limit = static_cast<uint8_t>(limit - next);
  report.durable_low = static_cast<uint8_t>(durable_);
  announced_ = limit;  // no other report will be sent before this one
  encode(report, &outgoing_);
}

inline void Receiver::make_start() {
  const bool rewound = static_cast<uint16_t>(epoch_ - offer_.epoch) > 1;
  const uint32_t limit = limit_count();
  Notice notice;
  notice.type = rewound ? MessageType::kRewind : MessageType::kAccept;
  notice.epoch = epoch_;
  notice.about = static_cast<uint8_t>(__builtin_ctz(chunk_bytes_));
  notice.detail = first_chunk_;
  notice.extra = static_cast<uint8_t>(limit > kReachFragments ? kReachFragments : limit);
  encode(notice, &outgoing_);
}

// The check goes on without its host: what it comes to owe then is dropped by the next poll, see watch().
inline bool Receiver::find_transfer_frame() {
  const uint32_t slot = slot_of(peer_);
  if (owed_ == 0 || (stack_full_ >> slot & 1) != 0 || !intake_.connected(peer_)) return false;
  const uint32_t first = owed_ & (0u - owed_);
  outgoing_from_ = &owed_;
  outgoing_slot_ = static_cast<uint8_t>(slot);
  outgoing_bits_ = static_cast<uint8_t>(first);
  if (first == kOwedStart) {
    make_start();
  } else if (first == kOwedResult) {
    encode(result_, &outgoing_);
  } else {
    outgoing_bits_ |= kOwedReport;  // an asked report says all that another one would
    make_report(first == kOwedAsked);
  }
  return true;
}

// The transfer's frames first, then to each connection the reply, then news of the running model.
bool Receiver::find_frame() {
  outgoing_from_ = nullptr;
  if (find_transfer_frame()) return true;
  for (uint32_t slot = 0; slot < kConnectionsMax; ++slot) {
    const uint32_t bit = 1u << slot;
    Talk& talk = talk_at(slot);  // also of who has gone: another connection may get its number
    if ((stack_full_ & bit) != 0) continue;
    const Notice* notice = &talk.reply;
    if (talk.reply_owed != 0) {
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
    outgoing_slot_ = static_cast<uint8_t>(slot);
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
