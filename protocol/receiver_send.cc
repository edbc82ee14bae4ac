// The receiver's frames: what is owed to whom, and in what order it goes.
#include "protocol/receiver.h"

namespace roost {
namespace protocol {

void Receiver::handle_connect(uint16_t conn, uint16_t) {
  intake_.handle_connect(conn);
}
void Receiver::handle_subscribed(uint16_t conn, bool notifications_on) {
  intake_.handle_subscribed(conn, notifications_on);
}
void Receiver::handle_disconnect(uint16_t conn) {
  intake_.handle_disconnect(conn);
}
ControlResult Receiver::handle_control(uint16_t conn, Bytes bytes) {
  return intake_.handle_control(conn, bytes);
}
bool Receiver::handle_data(uint16_t conn, Bytes bytes) {
  return intake_.handle_data(conn, bytes);
}

// A full queue forgets its oldest: whoever missed an answer asks again, and nobody blocks anybody.
void Receiver::reply(const Peer& peer, const Frame& frame) {
  const bool first_is_out = source_ == Source::kReply;
  if (reply_count_ == kRepliesMax) drop_reply(first_is_out ? 1 : 0);
  replies_[reply_count_].peer = peer;
  replies_[reply_count_].frame = frame;
  ++reply_count_;
}

void Receiver::drop_reply(size_t index) {
  --reply_count_;
  for (size_t i = index; i < reply_count_; ++i) replies_[i] = replies_[i + 1];
}

void Receiver::notify_state(MessageType type, uint32_t package_id, Reason reason, uint16_t detail) {
  StateChange change;
  change.type = type;
  change.package_id = package_id;
  change.reason = reason;
  change.detail = detail;
  state_frame_ = encode(change);
  if (source_ == Source::kState) source_ = Source::kNobody;
  for (uint8_t slot = 0; slot < kConnectionsMax; ++slot) {
    Peer peer;
    state_owed_[slot] = intake_.subscribed(slot, &peer) ? peer.session : 0;
  }
}

bool Receiver::blocked(uint8_t slot) const {
  return stack_full_[slot];
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

Frame Receiver::milestone(MessageType type) const {
  Milestone message;
  message.type = type;
  message.epoch = offer_.epoch;
  message.package_id = offer_.package_id;
  return encode(message);
}

Frame Receiver::make_frame(Owed owed) {
  outgoing_limit_ = 0;
  switch (owed) {
    case kOwedVerdict:
      return verdict_;
    case kOwedRewind: {
      Rewind rewind;
      rewind.epoch = epoch_;
      rewind.chunk = first_chunk_;
      const uint32_t limit = limit_count();
      rewind.limit = static_cast<uint8_t>(limit > kReachFragments ? kReachFragments : limit);
      return encode(rewind);
    }
    case kOwedStored:
      return milestone(MessageType::kStored);
    case kOwedResult:
      return result_;
    default:
      return make_report(owed == kOwedAsked);
  }
}

bool Receiver::send_next(Source source, const Peer& peer, const Frame& frame) {
  source_ = source;
  outgoing_peer_ = peer;
  outgoing_ = frame;
  return true;
}

bool Receiver::find_transfer_frame() {
  if (owed_ == 0 || blocked(peer_.slot) || !intake_.connected(peer_)) return false;
  // An asked report says all that another one would.
  if ((owed_ & kOwedAsked) != 0) owed_ = static_cast<uint8_t>(owed_ & ~kOwedReport);
  for (uint8_t bit = kOwedVerdict; bit <= kOwedReport; bit = static_cast<uint8_t>(bit << 1)) {
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
  for (size_t i = 0; i < reply_count_;) {
    if (!intake_.connected(replies_[i].peer)) {
      drop_reply(i);
    } else if (blocked(replies_[i].peer.slot)) {
      ++i;
    } else {
      const Reply chosen = replies_[i];
      for (; i > 0; --i) replies_[i] = replies_[i - 1];
      replies_[0] = chosen;
      return send_next(Source::kReply, chosen.peer, chosen.frame);
    }
  }
  for (uint8_t slot = 0; slot < kConnectionsMax; ++slot) {
    Peer peer;
    if (state_owed_[slot] == 0 || blocked(slot)) continue;
    if (!intake_.subscribed(slot, &peer) || peer.session != state_owed_[slot]) {
      state_owed_[slot] = 0;
      continue;
    }
    return send_next(Source::kState, peer, state_frame_);
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
      drop_reply(0);
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
