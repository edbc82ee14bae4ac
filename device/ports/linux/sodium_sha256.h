// The Linux port's SHA-256: libsodium's.
#pragma once

#include <sodium.h>

#include "base/digest.h"

namespace roost::device {

class SodiumSha256 final : public Digest {
 public:
  SodiumSha256() { reset(); }
  void reset() override { crypto_hash_sha256_init(&state_); }
  void update(Bytes bytes) override { crypto_hash_sha256_update(&state_, bytes.data(), bytes.size()); }
  Sha256 finish() override {
    Sha256 digest;
    crypto_hash_sha256_final(&state_, digest.data());
    return digest;
  }

 private:
  crypto_hash_sha256_state state_;
};

}  // namespace roost::device
