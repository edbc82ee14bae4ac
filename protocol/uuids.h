// The service and its three characteristics: e5a1xxxx-3c7d-4f2a-9b60-726f6f737431 (the tail spells "roost1").
#pragma once

#include <stdint.h>
#include <array>

namespace roost {
namespace protocol {

constexpr const char kServiceUuid[] = "e5a10001-3c7d-4f2a-9b60-726f6f737431";
constexpr const char kInfoUuid[] = "e5a10002-3c7d-4f2a-9b60-726f6f737431";
constexpr const char kControlUuid[] = "e5a10003-3c7d-4f2a-9b60-726f6f737431";
constexpr const char kDataUuid[] = "e5a10004-3c7d-4f2a-9b60-726f6f737431";

constexpr uint16_t kServiceShort = 0x0001;
constexpr uint16_t kInfoShort = 0x0002;
constexpr uint16_t kControlShort = 0x0003;
constexpr uint16_t kDataShort = 0x0004;

// The 16 bytes as they travel in advertisements and attribute databases: least significant first.
constexpr std::array<uint8_t, 16> uuid_bytes(uint16_t short_id) {
  return {{0x31, 0x74, 0x73, 0x6f, 0x6f, 0x72, 0x60, 0x9b, 0x2a, 0x4f, 0x7d, 0x3c, static_cast<uint8_t>(short_id),
           static_cast<uint8_t>(short_id >> 8), 0xa1, 0xe5}};
}

}  // namespace protocol
}  // namespace roost
