// One write on Data: a piece of the stream, with its number and a CRC that binds it to that stream.
//
//     0        2                                     n-2      n
//     | number | payload                              | CRC-16 |
//
// The number is the low half of a 32-bit count; position in the stream = count * payload size. The payload has
// the same size in every fragment but the last. The CRC-16 covers epoch (LE16), the full count (LE32) and the
// payload, so what belongs to another stream or to another place is not accepted.
#pragma once

#include "base/bytes.h"
#include "base/span.h"
#include "protocol/error.h"

namespace roost {
namespace protocol {

constexpr size_t kFragmentHeaderBytes = 2;
constexpr size_t kFragmentOverheadBytes = 4;
// Two link-layer packets carry 495; a third one for 512 makes it slower (facts of the radio, SPEC "Value size").
constexpr size_t kValueBytesMax = 495;
constexpr size_t kValueBytesMin = 20;  // ATT MTU 23
constexpr size_t kFragmentPayloadMax = kValueBytesMax - kFragmentOverheadBytes;
constexpr size_t kFragmentPayloadMin = kValueBytesMin - kFragmentOverheadBytes;

constexpr bool is_fragment_payload(size_t size) {
  return size >= kFragmentPayloadMin && size <= kFragmentPayloadMax;
}

struct Fragment {
  Bytes payload;
  uint16_t number;
  uint16_t crc() const { return load_le16(payload.end()); }  // it stands behind the payload
};

// Splits a value. Errors: kTooShort (no payload), kTooLong. The CRC is not checked here, since the full count is
// known only to who keeps the stream: see fragment_crc.
ROOST_INLINE Error split_fragment(Bytes value, Fragment* fragment) {
  if (value.size() <= kFragmentOverheadBytes) return Error::kTooShort;
  if (value.size() > kValueBytesMax) return Error::kTooLong;
  fragment->number = load_le16(value.data());
  fragment->payload = Bytes(value.data() + kFragmentHeaderBytes, value.size() - kFragmentOverheadBytes);
  return Error::kNone;
}
Result<Fragment> split_fragment(Bytes value);

// Fragments of an offer's manifest stream that may follow the offer at once, given Info's initial credit.
uint32_t initial_limit(uint32_t credit_bytes, uint32_t fragment_payload);

// The 32-bit count nearest to `near` whose low half is `number`.
uint32_t resolve_count(uint16_t number, uint32_t near);

uint16_t fragment_crc(uint16_t epoch, uint32_t count, Bytes payload);

// Writes header and CRC around a payload already at out[2...]. `out` holds payload_size + 4 bytes.
void seal_fragment(uint16_t epoch, uint32_t count, size_t payload_size, MutableBytes out);

}  // namespace protocol
}  // namespace roost
