// The two checksums of the wire and of flash.
#pragma once

#include <stdint.h>

#include "base/span.h"

namespace roost {

// CRC-32 as in zlib, Ethernet and PNG (polynomial 0xEDB88320 reflected, inverted in and out).
// Chain pieces by passing the last result: crc32(crc32(0, a), b). crc32(0, "123456789") is 0xCBF43926.
uint32_t crc32(uint32_t crc, Bytes bytes);
// Of any bytes and, behind them, their own CRC-32, little-endian.
constexpr uint32_t kCrc32Residue = 0x2144DF1C;

// CRC-16/CCITT-FALSE (polynomial 0x1021, start value kCrc16Start). crc16(kCrc16Start, "123456789") is 0x29B1.
constexpr uint16_t kCrc16Start = 0xFFFF;
uint16_t crc16(uint16_t crc, Bytes bytes);

}  // namespace roost
