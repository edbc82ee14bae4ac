#include "protocol/control.h"

#include "base/bytes.h"
#include "protocol/fragment.h"
#include "protocol/package.h"

namespace roost {
namespace protocol {
namespace {

// Writes one record into a frame; every record is known to fit.
class FrameWriter {
 public:
  FrameWriter(Frame* frame, MessageType type)
      : frame_(frame), writer_(MutableBytes(frame->data.data(), frame->data.size())) {
    writer_.u8(static_cast<uint8_t>(type));
  }
  ByteWriter* operator->() { return &writer_; }
  void finish() {
    ROOST_ASSERT(writer_.ok());
    frame_->size = static_cast<uint8_t>(writer_.size());
  }

 private:
  Frame* frame_;
  ByteWriter writer_;
};

// A record of exactly one type and one size. Length first, then type: the order every decoder here keeps.
class FrameReader {
 public:
  FrameReader(Bytes frame, MessageType type, size_t size) : reader_(frame) {
    if (frame.empty()) {
      error_ = Error::kTooShort;
    } else if (reader_.u8() != static_cast<uint8_t>(type)) {
      error_ = Error::kWrongType;
    } else if (frame.size() < size) {
      error_ = Error::kTooShort;
    } else if (frame.size() > size) {
      error_ = Error::kTooLong;
    }
  }
  ByteReader* operator->() { return &reader_; }
  bool ok() const { return error_ == Error::kNone; }
  Error error() const { return error_; }

 private:
  ByteReader reader_;
  Error error_ = Error::kNone;
};

constexpr size_t kOfferBytes = 17;
constexpr size_t kQueryBytes = 5;
constexpr size_t kRequestBytes = 7;
constexpr size_t kAcceptBytes = 7;
constexpr size_t kRejectBytes = 6;
constexpr size_t kReportBytes = 6;  // and up to 14 of bitmap
constexpr size_t kRewindBytes = 6;
constexpr size_t kMilestoneBytes = 7;
constexpr size_t kFailedBytes = 10;
constexpr size_t kBusyBytes = 4;
constexpr size_t kUnknownBytes = 4;
constexpr size_t kAnswerBytes = 6;
constexpr size_t kStateChangeBytes = 8;

bool is_request(uint8_t type) {
  return type >= static_cast<uint8_t>(MessageType::kActivate) &&
         type <= static_cast<uint8_t>(MessageType::kEraseModels);
}

}  // namespace

Frame encode(const Offer& m) {
  Frame frame;
  FrameWriter w(&frame, MessageType::kOffer);
  w->u8(m.version);
  w->u8(m.flags);
  w->u16(m.epoch);
  w->u32(m.package_id);
  w->u16(m.manifest_size);
  w->u32(m.payload_size);
  w->u16(m.fragment_payload);
  w.finish();
  return frame;
}

Result<Offer> decode_offer(Bytes frame) {
  FrameReader r(frame, MessageType::kOffer, kOfferBytes);
  if (!r.ok()) return r.error();
  Offer m;
  m.version = r->u8();
  m.flags = r->u8();
  m.epoch = r->u16();
  m.package_id = r->u32();
  m.manifest_size = r->u16();
  m.payload_size = r->u32();
  m.fragment_payload = r->u16();
  if (m.version != kProtocolVersion) return Error::kVersion;
  if ((m.flags & ~(kOfferForce | kOfferSigned)) != 0) return Error::kRange;
  if (m.manifest_size == 0 || m.payload_size == 0 || m.payload_size > kPayloadBytesMax) return Error::kRange;
  return m;
}

Frame encode(const Query& m) {
  Frame frame;
  FrameWriter w(&frame, MessageType::kQuery);
  w->u16(m.epoch);
  w->u16(m.last_sent);
  w.finish();
  return frame;
}

Result<Query> decode_query(Bytes frame) {
  FrameReader r(frame, MessageType::kQuery, kQueryBytes);
  if (!r.ok()) return r.error();
  Query m;
  m.epoch = r->u16();
  m.last_sent = r->u16();
  return m;
}

Frame encode(const Request& m) {
  Frame frame;
  FrameWriter w(&frame, m.type);
  w->u8(m.tag);
  w->u8(m.flags);
  w->u32(m.package_id);
  w.finish();
  return frame;
}

Result<Request> decode_request(Bytes frame) {
  if (!is_request(message_type(frame))) return frame.empty() ? Error::kTooShort : Error::kWrongType;
  Request m;
  m.type = static_cast<MessageType>(message_type(frame));
  FrameReader r(frame, m.type, kRequestBytes);
  if (!r.ok()) return r.error();
  m.tag = r->u8();
  m.flags = r->u8();
  m.package_id = r->u32();
  if ((m.flags & ~kRequestForce) != 0) return Error::kRange;
  return m;
}

Frame encode(const Accept& m) {
  Frame frame;
  FrameWriter w(&frame, MessageType::kAccept);
  w->u16(m.epoch);
  w->u8(m.chunk_log2);
  w->u16(m.resume_chunk);
  w->u8(m.limit);
  w.finish();
  return frame;
}

Result<Accept> decode_accept(Bytes frame) {
  FrameReader r(frame, MessageType::kAccept, kAcceptBytes);
  if (!r.ok()) return r.error();
  Accept m;
  m.epoch = r->u16();
  m.chunk_log2 = r->u8();
  m.resume_chunk = r->u16();
  m.limit = r->u8();
  if (m.chunk_log2 < 8 || m.chunk_log2 > 12 || m.limit > kReachFragments) return Error::kRange;
  return m;
}

Frame encode(const Reject& m) {
  Frame frame;
  FrameWriter w(&frame, MessageType::kReject);
  w->u16(m.epoch);
  w->u8(static_cast<uint8_t>(m.reason));
  w->u16(m.detail);
  w.finish();
  return frame;
}

Result<Reject> decode_reject(Bytes frame) {
  FrameReader r(frame, MessageType::kReject, kRejectBytes);
  if (!r.ok()) return r.error();
  Reject m;
  m.epoch = r->u16();
  m.reason = static_cast<Reason>(r->u8());
  m.detail = r->u16();
  if (m.reason == Reason::kOk) return Error::kRange;
  return m;
}

Frame encode(const Report& m) {
  Frame frame;
  FrameWriter w(&frame, m.asked ? MessageType::kReportAsked : MessageType::kReport);
  w->u8(m.epoch_low);
  w->u16(m.next_wanted);
  w->u8(m.limit);
  w->u8(m.durable_low);
  size_t size = m.bitmap_size;
  while (size > 0 && m.bitmap[size - 1] == 0) --size;
  w->bytes(Bytes(m.bitmap.data(), size));
  w.finish();
  return frame;
}

Result<Report> decode_report(Bytes frame) {
  const uint8_t type = message_type(frame);
  Report m;
  m.asked = type == static_cast<uint8_t>(MessageType::kReportAsked);
  if (frame.size() > kReportBytes + kBitmapBytesMax) return Error::kTooLong;
  const size_t size = frame.size() < kReportBytes ? kReportBytes : frame.size();
  FrameReader r(frame, m.asked ? MessageType::kReportAsked : MessageType::kReport, size);
  if (!r.ok()) return r.error();
  m.epoch_low = r->u8();
  m.next_wanted = r->u16();
  m.limit = r->u8();
  m.durable_low = r->u8();
  m.bitmap_size = static_cast<uint8_t>(r->remaining());
  for (size_t i = 0; i < m.bitmap_size; ++i) m.bitmap[i] = r->u8();
  if (m.limit > kReachFragments) return Error::kRange;
  return m;
}

Frame encode(const Rewind& m) {
  Frame frame;
  FrameWriter w(&frame, MessageType::kRewind);
  w->u16(m.epoch);
  w->u16(m.chunk);
  w->u8(m.limit);
  w.finish();
  return frame;
}

Result<Rewind> decode_rewind(Bytes frame) {
  FrameReader r(frame, MessageType::kRewind, kRewindBytes);
  if (!r.ok()) return r.error();
  Rewind m;
  m.epoch = r->u16();
  m.chunk = r->u16();
  m.limit = r->u8();
  if (m.limit > kReachFragments) return Error::kRange;
  return m;
}

Frame encode(const Milestone& m) {
  Frame frame;
  FrameWriter w(&frame, m.type);
  w->u16(m.epoch);
  w->u32(m.package_id);
  w.finish();
  return frame;
}

Result<Milestone> decode_milestone(Bytes frame) {
  Milestone m;
  if (message_type(frame) == static_cast<uint8_t>(MessageType::kVerified)) m.type = MessageType::kVerified;
  FrameReader r(frame, m.type, kMilestoneBytes);
  if (!r.ok()) return r.error();
  m.epoch = r->u16();
  m.package_id = r->u32();
  return m;
}

Frame encode(const Failed& m) {
  Frame frame;
  FrameWriter w(&frame, MessageType::kFailed);
  w->u16(m.epoch);
  w->u32(m.package_id);
  w->u8(static_cast<uint8_t>(m.reason));
  w->u16(m.detail);
  w.finish();
  return frame;
}

Result<Failed> decode_failed(Bytes frame) {
  FrameReader r(frame, MessageType::kFailed, kFailedBytes);
  if (!r.ok()) return r.error();
  Failed m;
  m.epoch = r->u16();
  m.package_id = r->u32();
  m.reason = static_cast<Reason>(r->u8());
  m.detail = r->u16();
  if (m.reason == Reason::kOk) return Error::kRange;
  return m;
}

Frame encode(const Busy& m) {
  Frame frame;
  FrameWriter w(&frame, MessageType::kBusy);
  w->u8(m.about);
  w->u16(m.tag);
  w.finish();
  return frame;
}

Result<Busy> decode_busy(Bytes frame) {
  FrameReader r(frame, MessageType::kBusy, kBusyBytes);
  if (!r.ok()) return r.error();
  Busy m;
  m.about = r->u8();
  m.tag = r->u16();
  return m;
}

Frame encode(const Unknown& m) {
  Frame frame;
  FrameWriter w(&frame, MessageType::kUnknown);
  w->u8(m.about);
  w->u8(static_cast<uint8_t>(m.reason));
  w->u8(m.version);
  w.finish();
  return frame;
}

Result<Unknown> decode_unknown(Bytes frame) {
  FrameReader r(frame, MessageType::kUnknown, kUnknownBytes);
  if (!r.ok()) return r.error();
  Unknown m;
  m.about = r->u8();
  m.reason = static_cast<Reason>(r->u8());
  m.version = r->u8();
  return m;
}

Frame encode(const Answer& m) {
  Frame frame;
  FrameWriter w(&frame, MessageType::kAnswer);
  w->u8(m.tag);
  w->u8(static_cast<uint8_t>(m.about));
  w->u8(static_cast<uint8_t>(m.reason));
  w->u16(m.detail);
  w.finish();
  return frame;
}

Result<Answer> decode_answer(Bytes frame) {
  FrameReader r(frame, MessageType::kAnswer, kAnswerBytes);
  if (!r.ok()) return r.error();
  Answer m;
  m.tag = r->u8();
  const uint8_t about = r->u8();
  m.about = static_cast<MessageType>(about);
  m.reason = static_cast<Reason>(r->u8());
  m.detail = r->u16();
  if (!is_request(about)) return Error::kRange;
  return m;
}

Frame encode(const StateChange& m) {
  Frame frame;
  FrameWriter w(&frame, m.type);
  w->u32(m.package_id);
  w->u8(static_cast<uint8_t>(m.reason));
  w->u16(m.detail);
  w.finish();
  return frame;
}

Result<StateChange> decode_state_change(Bytes frame) {
  StateChange m;
  const uint8_t type = message_type(frame);
  if (type == static_cast<uint8_t>(MessageType::kRolledBack) ||
      type == static_cast<uint8_t>(MessageType::kConfirmed)) {
    m.type = static_cast<MessageType>(type);
  }
  FrameReader r(frame, m.type, kStateChangeBytes);
  if (!r.ok()) return r.error();
  m.package_id = r->u32();
  m.reason = static_cast<Reason>(r->u8());
  m.detail = r->u16();
  return m;
}

}  // namespace protocol
}  // namespace roost
