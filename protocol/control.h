// The messages of the Control characteristic, both ways. Each is one byte of type and a fixed little-endian record,
// and fits the 20-byte value of ATT MTU 23. SPEC.md draws them; encode and decode stand side by side in control.cc.
//
//   Frame frame = encode(offer);                 // to send
//   Result<Report> r = decode_report(bytes);     // kWrongType, kTooShort, kTooLong, kRange
//
// A device reads whatever a host may say with one decode(), and keeps what it says itself as notices (notice.h).
#pragma once

#include <stdint.h>
#include <array>

#include "base/bytes.h"
#include "base/span.h"
#include "protocol/error.h"
#include "protocol/reason.h"

namespace roost {
namespace protocol {

constexpr uint8_t kProtocolVersion = 1;
constexpr size_t kFrameBytesMax = 20;
constexpr uint32_t kSignatureBytes = 64;  // Ed25519

enum class MessageType : uint8_t {
  // host -> device
  kOffer = 0x01,
  kQuery = 0x02,
  kActivate = 0x10,
  kConfirm = 0x11,
  kRollback = 0x12,
  kAbort = 0x13,
  kEraseModels = 0x14,
  // device -> host
  kAccept = 0x81,
  kReject = 0x82,
  kReport = 0x83,       // on the device's own account
  kReportAsked = 0x84,  // the answer to a query: what it does not show as arrived is lost
  kRewind = 0x85,
  kStored = 0x86,
  kVerified = 0x87,
  kFailed = 0x88,
  kBusy = 0x89,
  kUnknown = 0x8A,
  kAnswer = 0x8B,
  kActive = 0x90,
  kRolledBack = 0x91,
  kConfirmed = 0x92,
};

// One encoded message.
struct Frame {
  std::array<uint8_t, kFrameBytesMax> data;
  uint8_t size = 0;
  Bytes bytes() const { return Bytes(data.data(), size); }
};

// The type byte as it stands; empty bytes are type 0, which no message has.
inline uint8_t message_type(Bytes frame) {
  return frame.empty() ? 0 : frame.data()[0];
}

// ---- host to device -------------------------------------------------------------------------------------------

enum OfferFlags : uint8_t {
  kOfferForce = 1,   // take it although it was rejected before
  kOfferSigned = 2,  // the manifest stream ends with a 64-byte Ed25519 signature over the manifest bytes
};

struct Offer {
  uint8_t version = kProtocolVersion;
  uint8_t flags = 0;
  uint16_t manifest_size = 0;     // bytes, without the signature; 1..1024
  uint16_t epoch = 0;             // of the manifest stream; the payload stream is epoch + 1
  uint16_t fragment_payload = 0;  // bytes per fragment in every stream of this offer; 16..491
  uint32_t payload_size = 0;      // bytes; 1..kPayloadBytesMax
  uint32_t package_id = 0;

  bool forced() const { return (flags & kOfferForce) != 0; }
  bool has_signature() const { return (flags & kOfferSigned) != 0; }
  uint32_t stream_size() const {
    return manifest_size + (has_signature() ? kSignatureBytes : 0u);
  }  // of the manifest's
};

// "I have sent everything up to and with `last_sent`: what do you have?" Also the way to hear a lost answer again.
struct Query {
  uint16_t epoch = 0;
  uint16_t last_sent = 0;  // fragment number; 0xFFFF with epoch of an offer: nothing sent yet
};

enum RequestFlags : uint8_t {
  kRequestForce = 1,  // ACTIVATE: although rejected before
};

// ACTIVATE, CONFIRM, ROLLBACK, ABORT, ERASE_MODELS. A repeated tag is the same request: it is answered again, not
// done again.
struct Request {
  MessageType type = MessageType::kActivate;
  uint8_t tag = 0;
  uint8_t flags = 0;
  uint32_t package_id = 0;  // ACTIVATE, CONFIRM, ABORT: which one is meant; 0: whichever is there
};

// Any of them, as its type says. Nothing is in it until it is decoded.
struct ToDevice {
  ToDevice() {}  // NOLINT

  union {
    Offer offer;
    Query query;
    Request request;
  };
  MessageType type;
};

// ---- device to host -------------------------------------------------------------------------------------------

struct Accept {
  uint16_t epoch = 0;  // of the payload stream: the offer's + 1
  uint8_t chunk_log2 = 12;
  uint16_t resume_chunk = 0;  // the stream begins with this chunk; equal to the chunk count: all is there already
  uint8_t limit = 0;          // fragments that may be sent, counted from the stream's start
};

struct Reject {
  uint16_t epoch = 0;  // of the offer
  Reason reason = Reason::kOk;
  uint16_t detail = 0;
};

// Bit i of the bitmap: fragment next_wanted + 1 + i has arrived.
constexpr size_t kBitmapBytesMax = 14;
constexpr uint32_t kReachFragments = 1 + 8 * kBitmapBytesMax;  // no limit goes farther beyond next wanted

constexpr size_t kReportBytes = 6;  // and behind them the bitmap

struct ReportHead {
  bool asked = false;        // the answer to a query
  uint8_t epoch_low = 0;     // low byte of the stream's epoch
  uint16_t next_wanted = 0;  // number of the first fragment not here
  uint8_t limit = 0;         // fragments that may be sent from next_wanted on: 0..kReachFragments
  uint8_t durable_low = 0;   // low byte of the count of durable chunks
};

struct Report : ReportHead {
  uint8_t bitmap_size = 0;  // bytes used; trailing zero bytes are not sent
  std::array<uint8_t, kBitmapBytesMax> bitmap{};

  bool has(uint32_t beyond) const {  // beyond >= 1: was next_wanted + beyond there?
    const uint32_t bit = beyond - 1;
    return bit / 8 < bitmap_size && (bitmap[bit / 8] >> (bit % 8) & 1) != 0;
  }
};

struct Rewind {
  uint16_t epoch = 0;  // of the new stream
  uint16_t chunk = 0;  // it begins with this one
  uint8_t limit = 0;   // fragments, from the new stream's start
};

// STORED and VERIFIED.
struct Milestone {
  MessageType type = MessageType::kStored;
  uint16_t epoch = 0;  // of the offer
  uint32_t package_id = 0;
};

// The transfer ended without a verified package.
struct Failed {
  uint16_t epoch = 0;  // of the offer; with kNoTransfer: the epoch asked for
  uint32_t package_id = 0;
  Reason reason = Reason::kOk;
  uint16_t detail = 0;
};

struct Busy {
  uint8_t about = 0;  // type of the message that found the device busy
  uint16_t tag = 0;   // its tag, or its epoch where it was an offer
};

struct Unknown {
  uint8_t about = 0;                        // type byte not known, or known but its record malformed
  Reason reason = Reason::kUnknownMessage;  // or kMalformedMessage
  uint8_t version = kProtocolVersion;
};

struct Answer {
  uint8_t tag = 0;
  MessageType about = MessageType::kActivate;
  Reason reason = Reason::kOk;
  uint16_t detail = 0;
};

// ACTIVE (on trial), ROLLED_BACK, CONFIRMED: sent on the device's own account to whoever listens.
struct StateChange {
  MessageType type = MessageType::kActive;
  uint32_t package_id = 0;  // the package the change is about
  Reason reason = Reason::kOk;
  uint16_t detail = 0;
};

Frame encode(const Offer& m);
Frame encode(const Query& m);
Frame encode(const Request& m);
Frame encode(const Accept& m);
Frame encode(const Reject& m);
Frame encode(const Report& m);
// Around a whole bitmap that is in the frame already, from kReportBytes on.
ROOST_INLINE void encode(const ReportHead& m, Frame* frame) {
  uint8_t* const out = frame->data.data();
  out[0] = static_cast<uint8_t>(m.asked ? MessageType::kReportAsked : MessageType::kReport);
  out[1] = m.epoch_low;
  store_le16(out + 2, m.next_wanted);
  out[4] = m.limit;
  out[5] = m.durable_low;
  size_t size = kReportBytes;
  for (size_t i = kReportBytes; i < kFrameBytesMax; ++i) {
    if (out[i] != 0) size = i + 1;
  }
  frame->size = static_cast<uint8_t>(size);
}
Frame encode(const Rewind& m);
Frame encode(const Milestone& m);
Frame encode(const Failed& m);
Frame encode(const Busy& m);
Frame encode(const Unknown& m);
Frame encode(const Answer& m);
Frame encode(const StateChange& m);

// Of a frame that is not empty. Errors: kWrongType; kRange, of its length too; kVersion, of an OFFER whose version
// and epoch are meaningful. Else `message` is so only on success (kNone); its type always.
Error decode(Bytes frame, ToDevice* message);

Result<Offer> decode_offer(Bytes frame);
Result<Query> decode_query(Bytes frame);
Result<Request> decode_request(Bytes frame);
Result<Accept> decode_accept(Bytes frame);
Result<Reject> decode_reject(Bytes frame);
Result<Report> decode_report(Bytes frame);
Result<Rewind> decode_rewind(Bytes frame);
Result<Milestone> decode_milestone(Bytes frame);
Result<Failed> decode_failed(Bytes frame);
Result<Busy> decode_busy(Bytes frame);
Result<Unknown> decode_unknown(Bytes frame);
Result<Answer> decode_answer(Bytes frame);
Result<StateChange> decode_state_change(Bytes frame);

}  // namespace protocol
}  // namespace roost
