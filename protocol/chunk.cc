#include "protocol/chunk.h"

#include "base/bytes.h"
#include "base/crc.h"

namespace roost {
namespace protocol {

void encode_chunk_head(const ChunkHead& head, uint8_t* out) {
  store_le16(out, head.encoded_size);
  out[2] = head.codec;
  out[3] = head.flags;
}

ChunkHead decode_chunk_head(const uint8_t* in) {
  ChunkHead head;
  head.encoded_size = load_le16(in);
  head.codec = in[2];
  head.flags = in[3];
  return head;
}

uint32_t chunk_crc_start(uint32_t package_id, uint32_t chunk_index) {
  uint8_t head[8];
  store_le32(head, package_id);
  store_le32(head + 4, chunk_index);
  return crc32(0, Bytes(head, sizeof(head)));
}

uint32_t chunk_crc(uint32_t package_id, uint32_t chunk_index, Bytes true_bytes) {
  return crc32(chunk_crc_start(package_id, chunk_index), true_bytes);
}

}  // namespace protocol
}  // namespace roost
