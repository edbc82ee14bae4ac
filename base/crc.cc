#include "base/crc.h"

namespace roost {
namespace {

// 16 entries: a quarter of the speed of 256, and 64 bytes of flash instead of 1024.
const uint32_t kCrc32Nibble[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                   0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                   0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};

}  // namespace

uint32_t crc32(uint32_t crc, Bytes bytes) {
  crc = ~crc;
  for (uint8_t byte : bytes) {
    crc ^= byte;
    crc = (crc >> 4) ^ kCrc32Nibble[crc & 15];
    crc = (crc >> 4) ^ kCrc32Nibble[crc & 15];
  }
  return ~crc;
}

// Without a table: the polynomial, x^16 + x^12 + x^5 + 1, has so few terms that a few shifts divide a byte by it.
uint16_t crc16(uint16_t crc, Bytes bytes) {
  uint32_t sum = crc;
  for (uint8_t byte : bytes) {
    uint32_t quotient = (sum >> 8 ^ byte) & 0xFF;
    quotient ^= quotient >> 4;
    sum = sum << 8 ^ quotient << 12 ^ quotient << 5 ^ quotient;
  }
  return static_cast<uint16_t>(sum);
}

}  // namespace roost
