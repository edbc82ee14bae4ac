// The receiver's frames: what is owed to whom, and in what order it goes.
#include "protocol/receiver.h"

namespace roost {
namespace protocol {

// A full queue forgets its oldest: whoever missed an answer asks again, and nobody blocks anybody.
void Receiver::reply(const Peer& peer, const Notice& notice) {
  const bool oldest_is_out = source_ == Source::kReply && outgoing_reply_ == 0;
  if (reply_count_ == kRepliesMax) drop_reply(oldest_is_out ? 1 : 0);
  Reply& last = replies_[reply_count_];
  last.peer = peer;
  last.notice = notice;
  ++reply_count_;
}

void Receiver::drop_reply(size_t index) {
  --reply_count_;
  if (index < outgoing_reply_) --outgoing_reply_;
  for (size_t i = index; i < reply_count_; ++i) replies_[i] = replies_[i + 1];
}

void Receiver::notify_state(MessageType type, uint32_t package_id, Reason reason, uint16_t detail) {
  news_ = make_notice(type);
  news_.package_id = package_id;
  news_.reason = reason;
  news_.detail = detail;
  if (source_ == Source::kState) source_ = Source::kNobody;
  for (uint8_t slot = 0; slot < kConnectionsMax; ++slot) {
    Peer peer;
    state_owed_[slot] = intake_.subscribed(slot, &peer) ? peer.session : 0;
  }
}

Frame Receiver::make_report(bool asked) {
  const Arrival arrival = intake_.arrival();
  const uint32_t limit = limit_count();
  Report report;
  report.asked = asked;
  report.epoch_low = static_cast<uint8_t>(epoch_);
  report.next_wanted = static_cast<uint16_t>(arrival.next);
  report.limit = static_cast<uint8_t>(limit > arrival.next ? limit - arrival.next : 0);
  report.durable_low = static_cast<uint8_t>(durable_);
  report.bitmap = arrival.bitmap;
  report.bitmap_size = kBitmapBytesMax;
  outgoing_limit_ = arrival.next + report.limit;
  return encode(report);
}

Frame Receiver::make_frame(Owed owed) {
  outgoing_limit_ = 0;
  if (owed == kOwedAccept) return encode(accept_);
  if (owed == kOwedResult) return encode(result_);
  if (owed == kOwedStored) return encode(notice(MessageType::kStored));
  if (owed != kOwedRewind) return make_report(owed == kOwedAsked);
  const uint32_t limit = limit_count();
  Notice rewind = make_notice(MessageType::kRewind);
  rewind.epoch = epoch_;
  rewind.detail = first_chunk_;
  rewind.extra = static_cast<uint8_t>(limit > kReachFragments ? kReachFragments : limit);
  return encode(rewind);
}

bool Receiver::send_next(Source source, const Peer& peer, const Frame& frame) {
  source_ = source;
  outgoing_peer_ = peer;
  outgoing_ = frame;
  return true;
}

bool Receiver::find_transfer_frame() {
  if (owed_ == 0 || stack_full_[peer_.slot] || !host_here()) return false;
  // An asked report says all that another one would.
  if ((owed_ & kOwedAsked) != 0) owed_ = static_cast<uint8_t>(owed_ & ~kOwedReport);
  for (uint8_t bit = kOwedAccept; bit <= kOwedReport; bit = static_cast<uint8_t>(bit << 1)) {
    if ((owed_ & bit) == 0) continue;
    outgoing_owed_ = static_cast<Owed>(bit);
    return send_next(Source::kTransfer, peer_, make_frame(outgoing_owed_));
  }
  return false;
}

// The transfer's frames first, then replies in order, then news of the running model.
bool Receiver::find_frame() {
  if (source_ != Source::kNobody) return true;  // the same one until it is answered
  if (find_transfer_frame()) return true;
  for (uint8_t i = 0; i < reply_count_;) {
    const Reply& next = replies_[i];
    if (!intake_.connected(next.peer)) {
      drop_reply(i);
    } else if (stack_full_[next.peer.slot]) {
      ++i;
    } else {
      outgoing_reply_ = i;
      return send_next(Source::kReply, next.peer, encode(next.notice));
    }
  }
  for (uint8_t slot = 0; slot < kConnectionsMax; ++slot) {
    Peer peer;
    if (state_owed_[slot] == 0 || stack_full_[slot]) continue;
    if (!intake_.subscribed(slot, &peer) || peer.session != state_owed_[slot]) {
      state_owed_[slot] = 0;
      continue;
    }
    return send_next(Source::kState, peer, encode(news_));
  }
  return false;
}

Status Receiver::sent(bool taken) {
  if (source_ == Source::kNobody) return Error::kIllegal;
  const Source source = source_;
  source_ = Source::kNobody;
  if (!taken) {
    stack_full_[outgoing_peer_.slot] = true;
    retry_at_ms_[outgoing_peer_.slot] = now_ms_ + config_.send_retry_ms;
    return Status();
  }
  switch (source) {
    case Source::kTransfer: {
      owed_ = static_cast<uint8_t>(owed_ & ~outgoing_owed_);
      if (outgoing_limit_ > announced_) announced_ = outgoing_limit_;
      break;
    }
    case Source::kReply:
      drop_reply(outgoing_reply_);
      break;
    case Source::kState:
      state_owed_[outgoing_peer_.slot] = 0;
      break;
    case Source::kNobody:
      break;
  }
  return Status();
}

}  // namespace protocol
}  // namespace roost
