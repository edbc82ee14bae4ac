// The seam to SHA-256: libsodium's on Linux, a board's own (or its crypto cell) there.
#pragma once

#include <stdint.h>
#include <array>

#include "base/span.h"

namespace roost {

constexpr size_t kSha256Bytes = 32;
using Sha256 = std::array<uint8_t, kSha256Bytes>;

// One running digest at a time: reset, any number of updates, finish. After finish only reset is allowed.
class Digest {
 public:
  virtual void reset() = 0;
  virtual void update(Bytes bytes) = 0;
  virtual Sha256 finish() = 0;

 protected:
  ~Digest() = default;
};

}  // namespace roost
