// What the sender makes of the device's notifications.
#include "protocol/sender.h"

namespace roost {
namespace protocol {

bool Sender::handle_notification(Bytes frame, uint32_t now_ms) {
  if (state_ == SenderState::kDone || offers_ == 0) return false;
  now_ms_ = now_ms;
  const bool ours = take_report(frame) || take_accept(frame) || take_reject(frame) || take_rewind(frame) ||
                    take_milestone(frame) || take_failed(frame) || take_busy(frame) || take_unknown(frame);
  if (ours) {
    heard_ms_ = now_ms;
    progress_.notified_bytes += frame.size();
  }
  return ours;
}

void Sender::handle_disconnect() {
  finish(SenderInput::kDisconnect, Outcome::kLinkLost, Reason::kLinkLost, 0);
}

void Sender::cancel() {
  finish(SenderInput::kCancel, Outcome::kCancelled, Reason::kAskedByHost, 0);
}

bool Sender::take_accept(Bytes frame) {
  const Result<Accept> decoded = decode_accept(frame);
  if (!decoded.ok()) return false;
  const Accept& accept = decoded.value();
  if (accept.epoch != static_cast<uint16_t>(offer_epoch_ + 1)) return false;
  const uint32_t chunk_bytes = 1u << accept.chunk_log2;
  const uint32_t count = chunk_count(progress_.payload_size, chunk_bytes);
  if (accept.resume_chunk > count || count >= 0xFFFF) return false;
  if (!step(SenderInput::kAccept)) return false;
  chunk_bytes_ = chunk_bytes;
  crc_chunk_ = 0xFFFFFFFF;
  progress_.chunk_count = count;
  progress_.accepted = true;
  progress_.resume_chunk = accept.resume_chunk;
  progress_ms_ = now_ms_;
  open_stream(accept.epoch, true, accept.resume_chunk, accept.limit);
  progress_.chunks_durable = accept.resume_chunk;
  note_durable(accept.resume_chunk);
  return true;
}

bool Sender::take_reject(Bytes frame) {
  const Result<Reject> decoded = decode_reject(frame);
  if (!decoded.ok() || decoded.value().epoch != offer_epoch_ || state_ != SenderState::kAwaitVerdict) return false;
  const Reject& reject = decoded.value();
  if (reject.reason == Reason::kEpochReused) {
    offer_again(SenderInput::kOfferAgain, reject.reason, now_ms_);
  } else {
    finish(SenderInput::kReject, Outcome::kRefused, reject.reason, reject.detail);
  }
  return true;
}

// The device was reset, or the offer never arrived, or it is occupied: from the start, a bounded number of times.
void Sender::offer_again(SenderInput input, Reason reason, uint32_t at_ms) {
  reason_ = reason;
  if (offers_ >= config_.offers_max) {
    const bool lost = input == SenderInput::kNoTransfer;
    finish(lost ? SenderInput::kFailed : SenderInput::kReject, lost ? Outcome::kFailed : Outcome::kRefused, reason,
           0);
    return;
  }
  if (!step(input)) return;
  draw_epoch();
  write_ = Write::kNothing;
  offer_later_ = true;
  offer_at_ms_ = at_ms;
  progress_.stored = false;
}

bool Sender::take_report(Bytes frame) {
  const Result<Report> decoded = decode_report(frame);
  if (!decoded.ok() || decoded.value().epoch_low != static_cast<uint8_t>(stream_.epoch)) return false;
  const Report& report = decoded.value();
  const uint32_t next = resolve_count(report.next_wanted, stream_.next);
  if (next > stream_.fresh) return false;  // of another stream, or nonsense
  if (!step(SenderInput::kReport)) return false;
  ++progress_.reports;
  if (next < stream_.next) return true;  // overtaken by a later one

  for (uint32_t n = stream_.next; n < next; ++n) stream_.lost[n % kWindow] = false;
  if (next > stream_.next) progress_ms_ = now_ms_;
  stream_.next = next;
  uint32_t limit = next + report.limit;
  if (limit > stream_.count) limit = stream_.count;
  if (limit > stream_.limit) stream_.limit = limit;
  progress_.fragments_awaited = stream_.fresh - next;
  note_lost(report, next);
  if (write_ == Write::kFragment && write_count_ < stream_.next) write_ = Write::kNothing;

  if (stream_.is_payload) {
    const uint32_t bytes = next >= stream_.count ? stream_.size : next * payload_bytes_;
    const uint32_t most = chunks_within(bytes);
    note_durable(most - static_cast<uint8_t>(most - report.durable_low));
  }
  return true;
}

// Fragments sent before something that has arrived are lost; after a query, so is everything sent before it and not
// shown. One that was sent again gets its time to arrive.
void Sender::note_lost(const Report& report, uint32_t next) {
  uint32_t end = next;
  for (uint32_t beyond = 1; beyond < kReachFragments; ++beyond) {
    if (report.has(beyond)) end = next + beyond;
  }
  const uint32_t certain = end;
  if (report.asked && query_fresh_ > end) end = query_fresh_;
  if (end > stream_.fresh) end = stream_.fresh;
  for (uint32_t n = next; n < end; ++n) {
    const uint32_t index = n % kWindow;
    if (n > next && report.has(n - next)) {
      stream_.lost[index] = false;
      continue;
    }
    const bool before_query = static_cast<int32_t>(query_ms_ - stream_.sent_ms[index]) >= 0;
    if (report.asked && n < query_fresh_ && before_query) {
      stream_.lost[index] = true;
    } else if (n < certain) {
      const bool waited = static_cast<int32_t>(now_ms_ - (stream_.sent_ms[index] + config_.resend_after_ms)) >= 0;
      if (!stream_.resent[index] || waited) stream_.lost[index] = true;
    }
  }
}

void Sender::note_durable(uint32_t durable) {
  if (durable > progress_.chunk_count || durable < progress_.chunks_durable) return;
  if (durable > progress_.chunks_durable) progress_ms_ = now_ms_;
  progress_.chunks_durable = durable;
  progress_.payload_done = durable == progress_.chunk_count ? progress_.payload_size : durable * chunk_bytes_;
}

bool Sender::take_rewind(Bytes frame) {
  const Result<Rewind> decoded = decode_rewind(frame);
  if (!decoded.ok() || state_ != SenderState::kAwaitStored) return false;
  const Rewind& rewind = decoded.value();
  const uint16_t ahead = static_cast<uint16_t>(rewind.epoch - stream_.epoch);
  if (ahead == 0) return true;  // said twice
  if (ahead > 64 || rewind.chunk >= progress_.chunk_count) return false;
  if (!step(SenderInput::kRewind)) return false;
  ++progress_.rewinds;
  open_stream(rewind.epoch, true, rewind.chunk, rewind.limit);
  progress_ms_ = now_ms_;
  return true;
}

bool Sender::take_milestone(Bytes frame) {
  const Result<Milestone> decoded = decode_milestone(frame);
  if (!decoded.ok() || decoded.value().epoch != offer_epoch_ || decoded.value().package_id != package_.package_id) {
    return false;
  }
  const bool nothing_sent = state_ == SenderState::kAwaitVerdict;  // ACCEPT was lost; it said that all is there
  if (decoded.value().type == MessageType::kVerified) {
    SenderState next;
    if (!sender_next(state_, SenderInput::kVerified, &next)) return false;
    if (nothing_sent) progress_.resume_chunk = progress_.chunk_count;
    progress_.stored = progress_.verified = true;
    note_durable(progress_.chunk_count);
    finish(SenderInput::kVerified, Outcome::kVerified, Reason::kOk, 0);
    return true;
  }
  if (state_ == SenderState::kAwaitVerified) return true;  // said twice
  if (!step(SenderInput::kStored)) return false;
  if (nothing_sent) progress_.resume_chunk = progress_.chunk_count;
  write_ = Write::kNothing;
  progress_.stored = true;
  progress_ms_ = now_ms_;
  note_durable(progress_.chunk_count);
  return true;
}

bool Sender::take_failed(Bytes frame) {
  const Result<Failed> decoded = decode_failed(frame);
  if (!decoded.ok()) return false;
  const Failed& failed = decoded.value();
  if (failed.reason == Reason::kNoTransfer) {
    if (failed.epoch != stream_.epoch || !wants_query()) return false;
    offer_again(SenderInput::kNoTransfer, failed.reason, now_ms_);
    return true;
  }
  if (failed.epoch != offer_epoch_ || failed.package_id != package_.package_id || !wants_query()) return false;
  finish(SenderInput::kFailed, Outcome::kFailed, failed.reason, failed.detail);
  return true;
}

bool Sender::take_busy(Bytes frame) {
  const Result<Busy> decoded = decode_busy(frame);
  if (!decoded.ok() || decoded.value().about != static_cast<uint8_t>(MessageType::kOffer)) return false;
  if (decoded.value().tag != offer_epoch_ || state_ != SenderState::kAwaitVerdict) return false;
  offer_again(SenderInput::kBusy, Reason::kBusy, now_ms_ + config_.busy_retry_ms);
  return true;
}

// Our offer's record made no sense to the device: it speaks another version.
bool Sender::take_unknown(Bytes frame) {
  const Result<Unknown> decoded = decode_unknown(frame);
  if (!decoded.ok() || decoded.value().about != static_cast<uint8_t>(MessageType::kOffer)) return false;
  if (state_ != SenderState::kAwaitVerdict) return false;
  const Reason reason =
      decoded.value().version == kProtocolVersion ? decoded.value().reason : Reason::kProtocolVersion;
  finish(SenderInput::kReject, Outcome::kRefused, reason, decoded.value().version);
  return true;
}

}  // namespace protocol
}  // namespace roost
