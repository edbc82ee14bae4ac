// The sender: what goes out, and when. What comes in is in sender_handle.cc, the table in sender_table.cc.
#include "protocol/sender.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace protocol {
namespace {

bool reached(uint32_t now_ms, uint32_t at_ms) {
  return static_cast<int32_t>(now_ms - at_ms) >= 0;
}

uint16_t smallest(uint32_t a, uint32_t b, uint32_t c) {
  const uint32_t ab = a < b ? a : b;
  return static_cast<uint16_t>(ab < c ? ab : c);
}

}  // namespace

Sender::Sender(const SendPackage& package, const SenderConfig& config) : package_(package), config_(config) {
  ROOST_ASSERT(package.signature.empty() || package.signature.size() == kSignatureBytes);
  offer_epoch_ = config.epoch_seed;
  progress_.payload_size = static_cast<uint32_t>(package.payload.size());
}

bool Sender::step(SenderInput input) {
  SenderState next = state_;
  if (!sender_next(state_, input, &next)) return false;
  state_ = next;
  return true;
}

void Sender::finish(SenderInput input, Outcome outcome, Reason reason, uint16_t detail) {
  if (!step(input)) return;
  outcome_ = outcome;
  reason_ = reason;
  detail_ = detail;
  write_ = Write::kNothing;
}

// Another epoch, far from the last: a transfer may have used a run of them.
void Sender::draw_epoch() {
  offer_epoch_ = static_cast<uint16_t>(offer_epoch_ * 25173u + 13849u);
}

void Sender::open_stream(uint16_t epoch, bool is_payload, uint16_t first_chunk, uint32_t limit) {
  stream_ = Stream();
  stream_.epoch = epoch;
  stream_.is_payload = is_payload;
  stream_.first_chunk = first_chunk;
  stream_.size = is_payload ? stream_size(static_cast<uint32_t>(package_.payload.size()), chunk_bytes_, first_chunk)
                            : static_cast<uint32_t>(package_.manifest.size() + package_.signature.size());
  stream_.count = (stream_.size + payload_bytes_ - 1) / payload_bytes_;
  stream_.limit = limit < stream_.count ? limit : stream_.count;
  stalled_ = false;
  if (write_ == Write::kFragment || write_ == Write::kQuery) write_ = Write::kNothing;  // of the old stream
}

// ---- poll ----

SendAction Sender::poll(uint32_t now_ms) {
  now_ms_ = now_ms;
  SendAction action;
  if (state_ == SenderState::kDone || !check_time()) {
    action.kind = SendAction::Kind::kDone;
    return action;
  }
  if (write_ == Write::kNothing) {
    uint32_t count = 0;
    if (state_ == SenderState::kWantOffer) {
      if (offer_later_ && !reached(now_ms, offer_at_ms_)) return action;
      Offer offer;
      offer.flags =
          static_cast<uint8_t>((config_.force ? kOfferForce : 0) | (package_.signature.empty() ? 0 : kOfferSigned));
      offer.epoch = offer_epoch_;
      offer.package_id = package_.package_id;
      offer.manifest_size = static_cast<uint16_t>(package_.manifest.size());
      offer.payload_size = static_cast<uint32_t>(package_.payload.size());
      offer.fragment_payload = payload_bytes_;
      control_ = encode(offer);
      write_ = Write::kOffer;
    } else if (choose_fragment(&count)) {
      fill_fragment(count);
      write_ = Write::kFragment;
    } else if (wants_query() && reached(now_ms, query_at())) {
      Query query;
      query.epoch = stream_.epoch;
      query.last_sent = static_cast<uint16_t>(stream_.fresh - 1);
      control_ = encode(query);
      write_ = Write::kQuery;
    }
  }
  if (write_ == Write::kFragment) {
    action.kind = SendAction::Kind::kWriteData;
    action.bytes = Bytes(value_.data(), value_size_);
  } else if (write_ != Write::kNothing) {
    action.kind = SendAction::Kind::kWriteControl;
    action.bytes = control_.bytes();
  }
  return action;
}

Status Sender::written() {
  switch (write_) {
    case Write::kNothing:
      return Error::kIllegal;
    case Write::kOffer:
      if (!step(SenderInput::kOfferWritten)) return Error::kIllegal;
      open_stream(offer_epoch_, false, 0, initial_limit(credit_bytes_, payload_bytes_));
      ++offers_;
      offer_later_ = false;
      progress_.control_bytes += control_.size;
      if (offers_ == 1) heard_ms_ = progress_ms_ = now_ms_;
      break;
    case Write::kQuery:
      query_ms_ = now_ms_;
      query_fresh_ = stream_.fresh;
      ++progress_.queries;
      progress_.control_bytes += control_.size;
      break;
    case Write::kFragment: {
      const uint32_t index = write_count_ % kWindow;
      stream_.sent_ms[index] = now_ms_;
      ++progress_.fragments_sent;
      progress_.data_bytes += value_size_;
      if (write_count_ == stream_.fresh) {
        stream_.resent[index] = false;
        const uint32_t begin = write_count_ * payload_bytes_;
        progress_.chunks_sent += chunks_within(begin + fragment_size(write_count_)) - chunks_within(begin);
        ++stream_.fresh;
      } else {
        stream_.resent[index] = true;
        stream_.lost[index] = false;
        ++progress_.fragments_resent;
      }
      break;
    }
  }
  write_ = Write::kNothing;
  written_ms_ = now_ms_;
  return Status();
}

// What is lost first, then what is new, up to the limit.
bool Sender::choose_fragment(uint32_t* count) {
  if (state_ != SenderState::kAwaitVerdict && state_ != SenderState::kAwaitStored) return false;
  for (uint32_t n = stream_.next; n < stream_.fresh; ++n) {
    if (!stream_.lost[n % kWindow]) continue;
    *count = n;
    return true;
  }
  if (stream_.fresh < stream_.limit) {
    stalled_ = false;
    *count = stream_.fresh;
    return true;
  }
  if (stream_.fresh < stream_.count && !stalled_) {
    stalled_ = true;
    ++progress_.credit_stalls;
  }
  return false;
}

// ---- what a fragment holds ----

uint32_t Sender::fragment_size(uint32_t count) const {
  const uint32_t left = stream_.size - count * payload_bytes_;
  return left < payload_bytes_ ? left : payload_bytes_;
}

void Sender::fill_fragment(uint32_t count) {
  const uint32_t size = fragment_size(count);
  write_count_ = count;
  value_size_ = static_cast<uint16_t>(size + kFragmentOverheadBytes);
  const MutableBytes value(value_.data(), value_size_);
  const MutableBytes payload = value.subspan(kFragmentHeaderBytes, size);
  if (stream_.is_payload) {
    read_stream(count * payload_bytes_, payload);
  } else {
    read_manifest_stream(count * payload_bytes_, payload);
  }
  seal_fragment(stream_.epoch, count, size, value);
}

void Sender::read_manifest_stream(uint32_t position, MutableBytes out) const {
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t at = position + i;
    out[i] =
        at < package_.manifest.size() ? package_.manifest[at] : package_.signature[at - package_.manifest.size()];
  }
}

void Sender::read_stream(uint32_t position, MutableBytes out) {
  const uint32_t stride = chunk_bytes_ + static_cast<uint32_t>(kChunkOverheadBytes);
  size_t done = 0;
  while (done < out.size()) {
    const uint32_t at = position + static_cast<uint32_t>(done);
    done += read_chunk(stream_.first_chunk + at / stride, at % stride, out.from(done));
  }
}

// As much of one chunk, from `offset` of its encoded form on, as there is and as fits.
size_t Sender::read_chunk(uint32_t chunk, uint32_t offset, MutableBytes out) {
  const uint32_t size = chunk_true_size(static_cast<uint32_t>(package_.payload.size()), chunk_bytes_, chunk);
  const Bytes page = package_.payload.subspan(static_cast<size_t>(chunk) * chunk_bytes_, size);
  uint8_t head[kChunkHeadBytes];
  uint8_t tail[kChunkTailBytes];
  ChunkHead fields;
  fields.encoded_size = static_cast<uint16_t>(size);
  encode_chunk_head(fields, head);
  if (chunk != crc_chunk_) {
    crc_chunk_ = chunk;
    crc_ = chunk_crc(package_.package_id, chunk, page);
  }
  store_le32(tail, crc_);

  const Bytes parts[] = {Bytes(head), page, Bytes(tail)};
  size_t done = 0;
  size_t skip = offset;
  for (const Bytes& part : parts) {
    if (skip >= part.size()) {
      skip -= part.size();
      continue;
    }
    const Bytes rest = part.from(skip);
    const size_t room = out.size() - done;
    const size_t take = rest.size() < room ? rest.size() : room;
    if (take != 0) memcpy(out.data() + done, rest.data(), take);
    done += take;
    skip = 0;
  }
  return done;
}

// Chunks of the package that are complete when the stream's first bytes are there.
uint32_t Sender::chunks_within(uint32_t stream_bytes) const {
  if (!stream_.is_payload) return 0;
  if (stream_bytes >= stream_.size) return progress_.chunk_count;
  return stream_.first_chunk + stream_bytes / (chunk_bytes_ + static_cast<uint32_t>(kChunkOverheadBytes));
}

// ---- time ----

bool Sender::wants_query() const {
  return state_ == SenderState::kAwaitVerdict || state_ == SenderState::kAwaitStored ||
         state_ == SenderState::kAwaitVerified;
}

uint32_t Sender::query_at() const {
  const bool written_last = static_cast<int32_t>(written_ms_ - heard_ms_) >= 0;
  return (written_last ? written_ms_ : heard_ms_) + config_.query_after_ms;
}

// False: time is up and the transfer over.
bool Sender::check_time() {
  if (state_ == SenderState::kAwaitInfo || offers_ == 0) return true;
  if (!reached(now_ms_, heard_ms_ + config_.silent_ms) &&
      !reached(now_ms_, progress_ms_ + config_.no_progress_ms)) {
    return true;
  }
  finish(SenderInput::kTimeout, Outcome::kTimedOut, reason_, 0);
  return false;
}

Deadline Sender::next_deadline() const {
  Deadline deadline;
  if (state_ == SenderState::kDone || state_ == SenderState::kAwaitInfo) return deadline;
  deadline.any = true;
  deadline.at_ms = now_ms_;
  if (write_ != Write::kNothing) return deadline;
  if (state_ == SenderState::kWantOffer) {
    if (offer_later_) deadline.at_ms = offer_at_ms_;
    return deadline;
  }
  deadline.at_ms = query_at();
  const uint32_t ends[] = {heard_ms_ + config_.silent_ms, progress_ms_ + config_.no_progress_ms};
  for (const uint32_t end : ends) {
    if (static_cast<int32_t>(end - deadline.at_ms) < 0) deadline.at_ms = end;
  }
  return deadline;
}

Status Sender::handle_info(const InfoHead& info) {
  if (state_ != SenderState::kAwaitInfo) return Error::kIllegal;
  if (info.version != kProtocolVersion) return Error::kVersion;
  if (config_.att_mtu < kValueBytesMin + 3 || info.chunk_log2 < 8 || info.chunk_log2 > 12) return Error::kRange;
  step(SenderInput::kInfo);
  value_bytes_ = smallest(config_.att_mtu - 3u, info.preferred_value_bytes, kValueBytesMax);
  if (value_bytes_ < kValueBytesMin) value_bytes_ = kValueBytesMin;
  payload_bytes_ = static_cast<uint16_t>(value_bytes_ - kFragmentOverheadBytes);
  credit_bytes_ = info.initial_credit_bytes;
  chunk_bytes_ = 1u << info.chunk_log2;
  if (package_.payload.empty() || package_.payload.size() > info.payload_bytes_max ||
      package_.payload.size() > kPayloadBytesMax) {
    const uint32_t kib = info.payload_bytes_max / 1024;
    finish(SenderInput::kCancel, Outcome::kRefused, Reason::kDoesNotFit,
           static_cast<uint16_t>(kib < 65535 ? kib : 65535));
    return Error::kRange;
  }
  if (package_.manifest.empty() || package_.manifest.size() > info.manifest_bytes_max) {
    finish(SenderInput::kCancel, Outcome::kRefused, Reason::kManifestTooLarge, info.manifest_bytes_max);
    return Error::kRange;
  }
  progress_.chunk_count = chunk_count(progress_.payload_size, chunk_bytes_);
  return Status();
}

}  // namespace protocol
}  // namespace roost
