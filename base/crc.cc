#include "base/crc.h"

namespace roost {
namespace {

// Two bits at a time: twice the speed of one, and 16 bytes of flash where four bits want 64 and eight 1024.
const uint32_t kCrc32Pairs[4] = {0x00000000, 0x76dc4190, 0xedb88320, 0x9b64c2b0};

}  // namespace

uint32_t crc32(uint32_t crc, Bytes bytes) {
  crc = ~crc;
  for (uint8_t byte : bytes) {
    crc ^= byte;
    for (int pair = 0; pair < 4; ++pair) crc = crc >> 2 ^ kCrc32Pairs[crc & 3];
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
