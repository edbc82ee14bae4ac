// One page of the slot as it travels in the payload stream.
//
//     0                2       3       4                       4+n      8+n
//     | encoded length | codec | flags | encoded bytes ... (n) | CRC-32 |
//
// The CRC-32 covers package id (LE32), chunk index (LE32), then the decoded true bytes of the page, padding not
// included. Only the raw codec exists now: encoded bytes are the page's true bytes.
#pragma once

#include "base/span.h"
#include "protocol/error.h"

namespace roost {
namespace protocol {

constexpr size_t kChunkHeadBytes = 4;
constexpr size_t kChunkTailBytes = 4;
constexpr size_t kChunkOverheadBytes = kChunkHeadBytes + kChunkTailBytes;
constexpr size_t kChunkBytesMax = 4096;
constexpr size_t kChunkBytesMin = 256;

enum class Codec : uint8_t { kRaw = 0 };

struct ChunkHead {
  uint16_t encoded_size = 0;
  uint8_t codec = 0;  // as on the wire: may be one we do not know
  uint8_t flags = 0;  // 0; anything else is refused
};

void encode_chunk_head(const ChunkHead& head, uint8_t* out);  // 4 bytes
// 4 bytes; every value is representable.
ChunkHead decode_chunk_head(const uint8_t* in);

// Of a head read as one little-endian number.
inline uint8_t chunk_codec(uint32_t head) {
  return static_cast<uint8_t>(head >> 16);
}

// The CRC in two steps, so that a page can be fed in pieces: crc32(chunk_crc_start(id, k), bytes).
uint32_t chunk_crc_start(uint32_t package_id, uint32_t chunk_index);
uint32_t chunk_crc(uint32_t package_id, uint32_t chunk_index, Bytes true_bytes);

}  // namespace protocol
}  // namespace roost
