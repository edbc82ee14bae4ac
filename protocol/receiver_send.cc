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

void Receiver::notify_state(MessageType type, uint32_t package_id, Reason reason, uint16_t detail) {
  news_.type = type;
  news_.package_id = package_id;
  news_.reason = reason;
  news_.detail = detail;
  news_owed_ = (1u << kConnectionsMax) - 1;
  outgoing_from_ = nullptr;
}

inline void Receiver::make_report(bool asked) {
  const uint32_t next = intake_.arrived(outgoing_.data.data() + kReportBytes);
  const uint32_t limit = limit_count();
  ReportHead report;
  report.asked = asked;
  report.epoch_low = static_cast<uint8_t>(epoch_);
  report.next_wanted = static_cast<uint16_t>(next);
  report.limit = static_cast<uint8_t>(limit - next);
  report.durable_low = static_cast<uint8_t>(durable_);
  announced_ = limit;  // no other report will be sent before this one
  encode(report, &outgoing_);
}

// How the transfer went: STORED, or how it ended.
void Receiver::fill_result(Notice* notice) const {
  notice->type = result_type_;
  notice->package_id = offer_.package_id;
  notice->epoch = offer_.epoch;
  notice->reason = result_reason_;
  notice->detail = result_detail_;
}

inline void Receiver::make_notice_of(uint32_t owed) {
  Notice notice;
  fill_result(&notice);
  if (owed == kOwedStart) {
    const bool rewound = static_cast<uint16_t>(epoch_ - offer_.epoch) > 1;
    const uint32_t limit = limit_count();
    notice.type = rewound ? MessageType::kRewind : MessageType::kAccept;
    notice.epoch = epoch_;
    notice.about = static_cast<uint8_t>(__builtin_ctz(chunk_bytes_));
    notice.detail = first_chunk_;
    notice.extra = static_cast<uint8_t>(limit > kReachFragments ? kReachFragments : limit);
  }
  encode(notice, &outgoing_);
}

bool Receiver::send_from(uint8_t* owed, uint32_t bits, uint32_t slot) {
  outgoing_from_ = owed;
  outgoing_bits_ = static_cast<uint8_t>(bits);
  outgoing_slot_ = static_cast<uint8_t>(slot);
  return true;
}

inline bool Receiver::find_transfer_frame() {
  const uint32_t slot = slot_of(peer_);
  if (owed_ == 0 || (stack_full_ >> slot & 1) != 0 || !intake_.connected(peer_)) return false;
  uint32_t bits = owed_ & (0u - owed_);
  if (bits < kOwedAsked) {
    make_notice_of(bits);
  } else {
    make_report(bits == kOwedAsked);
    bits |= kOwedReport;  // an asked report says all that another one would
  }
  return send_from(&owed_, bits, slot);
}

// The transfer's frames first, then to each connection the reply, then news of the running model.
bool Receiver::find_frame() {
  outgoing_from_ = nullptr;
  if (find_transfer_frame()) return true;
  for (uint32_t slot = 0; slot < kConnectionsMax; ++slot) {
    const uint32_t bit = 1u << slot;
    if ((stack_full_ & bit) != 0) continue;
    Talk& talk = talks_[slot];
    if (talk.reply_owed != 0 && intake_.connected(talk.peer)) {
      encode(talk.reply, &outgoing_);
      return send_from(&talk.reply_owed, 1, slot);
    }
    if ((news_owed_ & bit) == 0) continue;
    if (intake_.subscribed(slot)) {
      encode(news_, &outgoing_);
      return send_from(&news_owed_, bit, slot);
    }
    news_owed_ = static_cast<uint8_t>(news_owed_ & ~bit);  // nobody is there to hear it
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
