#include "protocol/fragment.h"

#include "base/bytes.h"
#include "base/crc.h"
#include "protocol/control.h"

namespace roost {
namespace protocol {

Result<Fragment> split_fragment(Bytes value) {
  Fragment fragment;
  const Error error = split_fragment(value, &fragment);
  if (error != Error::kNone) return error;
  return fragment;
}

uint32_t resolve_count(uint16_t number, uint32_t near) {
  const int16_t distance = static_cast<int16_t>(static_cast<uint16_t>(number - static_cast<uint16_t>(near)));
  if (distance < 0 && static_cast<uint32_t>(-static_cast<int32_t>(distance)) > near) {
    return near + static_cast<uint16_t>(distance);  // before the stream's first fragment there is nothing
  }
  return near + static_cast<uint32_t>(static_cast<int32_t>(distance));
}

uint32_t initial_limit(uint32_t credit_bytes, uint32_t fragment_payload) {
  const uint32_t fit = credit_bytes / (fragment_payload + static_cast<uint32_t>(kFragmentOverheadBytes));
  if (fit == 0) return 1;
  return fit < kReachFragments ? fit : kReachFragments;
}

uint16_t fragment_crc(uint16_t epoch, uint32_t count, Bytes payload) {
  // Aligned, so that the numbers are stored whole where that is this machine's order.
  alignas(uint32_t) uint8_t head[8];
#ifdef ROOST_MUTANT_EPOCH_NOT_IN_CRC  // see tests/protocol/CMakeLists.txt
  epoch = 0;
#endif
  store_le16(head + 2, epoch);
  store_le32(head + 4, count);
  return crc16(crc16(kCrc16Start, Bytes(head + 2, 6)), payload);
}

void seal_fragment(uint16_t epoch, uint32_t count, size_t payload_size, MutableBytes out) {
  store_le16(out.data(), static_cast<uint16_t>(count));
  const Bytes payload = out.subspan(kFragmentHeaderBytes, payload_size);
  store_le16(out.subspan(kFragmentHeaderBytes + payload_size, 2).data(), fragment_crc(epoch, count, payload));
}

}  // namespace protocol
}  // namespace roost
