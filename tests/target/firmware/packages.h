// The packages that the power tests install: bytes from a formula, so that firmware of 16 kB of RAM needs no
// buffers for them and knows what each must read.
#pragma once

#include "base/bytes.h"
#include "base/crc.h"
#include "device/ports/common/sha256.h"
#include "storage/store.h"

namespace roost {
namespace target_test {

struct Package {
  char name;
  uint32_t model_size;
  uint32_t body_size;
};

// Three pages each on the nRF51: with a short last page, with a body, and full to the last byte.
const Package kPackages[3] = {{'A', 2600, 0}, {'B', 1500, 700}, {'C', 3072, 0}};
constexpr uint32_t kManifestBytes = 90;

inline uint32_t body_offset(const Package& p) {
  return p.body_size == 0 ? 0 : (p.model_size + 15) & ~15u;
}

inline uint8_t manifest_byte(const Package& p, uint32_t at) {
  return static_cast<uint8_t>(p.name * 3 + at * 5);
}

// Byte `at` of the payload: model, zeros to the body, body.
inline uint8_t payload_byte(const Package& p, uint32_t at) {
  if (at >= p.model_size && at < body_offset(p)) return 0;
  uint32_t x = at * 2654435761u + static_cast<uint32_t>(p.name) * 40503u;
  x ^= x >> 15;
  return static_cast<uint8_t>(x);
}

inline Sha256 payload_digest(const Package& p, uint32_t begin, uint32_t size) {
  device::SoftwareSha256 digest;
  for (uint32_t at = begin; at < begin + size; ++at) {
    const uint8_t byte = payload_byte(p, at);
    digest.update(Bytes(&byte, 1));
  }
  return digest.finish();
}

// `manifest` is lent: kManifestBytes.
inline storage::PackageInfo package_info(const Package& p, MutableBytes manifest) {
  for (uint32_t i = 0; i < kManifestBytes; ++i) manifest[i] = manifest_byte(p, i);
  storage::PackageInfo info = {};
  info.attempts = 3;
  info.package_id = 0x5EED0000u + static_cast<uint32_t>(p.name);
  info.set_manifest(manifest);
  info.model_size = p.model_size;
  info.body_offset = body_offset(p);
  info.body_size = p.body_size;
  info.model_sha256 = payload_digest(p, 0, p.model_size);
  if (p.body_size != 0) info.body_sha256 = payload_digest(p, body_offset(p), p.body_size);
  return info;
}

inline const Package* package_with_id(uint32_t package_id) {
  for (const Package& p : kPackages) {
    if (package_id == 0x5EED0000u + static_cast<uint32_t>(p.name)) return &p;
  }
  return nullptr;
}

}  // namespace target_test
}  // namespace roost
