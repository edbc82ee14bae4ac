// Arithmetic of a package's payload: model, zero bytes up to the next multiple of 16, body.
//
//     PayloadLayout layout(model_size, body_size);
//     layout.body_offset(); layout.payload_size();
//     chunk_count(layout.payload_size(), 4096); chunk_true_size(payload_size, 4096, k);
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "protocol/chunk.h"

namespace roost {
namespace protocol {

constexpr uint32_t kBodyAlignment = 16;
constexpr uint32_t kPayloadBytesMax = 64u * 1024 * 1024;  // any sum of sizes below stays far from overflow
constexpr size_t kManifestBytesMax = 1024;

class PayloadLayout {
 public:
  // Sums may wrap where a size is over kPayloadBytesMax: whoever relies on them looks at each size first.
  PayloadLayout(uint32_t model_size, uint32_t body_size) : model_size_(model_size), body_size_(body_size) {}

  uint32_t model_size() const { return model_size_; }
  uint32_t body_size() const { return body_size_; }
  uint32_t body_offset() const { return (model_size_ + kBodyAlignment - 1) / kBodyAlignment * kBodyAlignment; }
  uint32_t payload_size() const { return body_size_ == 0 ? model_size_ : body_offset() + body_size_; }

 private:
  uint32_t model_size_;
  uint32_t body_size_;
};

inline uint32_t chunk_count(uint32_t payload_size, uint32_t chunk_bytes) {
  return (payload_size + chunk_bytes - 1) / chunk_bytes;
}

// Bytes of the payload that lie in chunk k; k < chunk_count.
inline uint32_t chunk_true_size(uint32_t payload_size, uint32_t chunk_bytes, uint32_t chunk_index) {
  const uint32_t left = payload_size - chunk_index * chunk_bytes;
  return left < chunk_bytes ? left : chunk_bytes;
}

// Size of the payload stream that begins with chunk `first`: every chunk is raw.
inline uint32_t stream_size(uint32_t payload_size, uint32_t chunk_bytes, uint32_t first) {
  const uint32_t before = first * chunk_bytes;
  const uint32_t left = before < payload_size ? payload_size - before : 0;
  return left + chunk_count(left, chunk_bytes) * static_cast<uint32_t>(kChunkOverheadBytes);
}

// A package is known on the wire by the first four bytes, little-endian, of its manifest's SHA-256.
inline uint32_t package_id(const Sha256& manifest_digest) {
  return load_le32(manifest_digest.data());
}

}  // namespace protocol
}  // namespace roost
