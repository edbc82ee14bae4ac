// SHA-256 (FIPS 180-4) in portable C++, for boards without a crypto cell or a library that has it. About 1 kB of
// flash and 104 bytes of RAM, small rather than fast: the message schedule is kept in 16 words.
#pragma once

#include "base/digest.h"

namespace roost {
namespace device {

class SoftwareSha256 final : public Digest {
 public:
  SoftwareSha256() { SoftwareSha256::reset(); }
  void reset() override;
  void update(Bytes bytes) override;
  Sha256 finish() override;

 private:
  void push(uint32_t byte);
  void compress();

  uint32_t state_[8];
  uint32_t schedule_[16] = {};  // the block under way, as big-endian words
  uint32_t size_bytes_ = 0;
};

}  // namespace device
}  // namespace roost
