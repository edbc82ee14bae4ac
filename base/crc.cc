#include "base/crc.h"

namespace roost {
namespace {

// Tables of 16 entries: a quarter of the speed of 256-entry ones and 96 bytes of flash instead of 1536.
const uint32_t kCrc32Nibble[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                   0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                   0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
const uint16_t kCrc16Nibble[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                   0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};

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

uint16_t crc16(uint16_t crc, Bytes bytes) {
  for (uint8_t byte : bytes) {
    crc = static_cast<uint16_t>((crc << 4) ^ kCrc16Nibble[(crc >> 12) ^ (byte >> 4)]);
    crc = static_cast<uint16_t>((crc << 4) ^ kCrc16Nibble[(crc >> 12) ^ (byte & 15)]);
  }
  return crc;
}

}  // namespace roost
