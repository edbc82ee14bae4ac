// The nRF52840's flash rules over memory, for a board that has no flash to speak of.
#pragma once

#include <string.h>

#include "storage/flash.h"
#include "storage/region.h"

namespace roost {
namespace target_test {

class MemoryFlash final : public storage::Flash {
 public:
  explicit MemoryFlash(storage::Region region) : bytes_(const_cast<uint8_t*>(region.begin)) {
    geometry_.size_bytes = region.size_bytes;
    geometry_.erase_block_bytes = 4096;
    geometry_.program_unit_bytes = 4;
    geometry_.erased_value = 0xFF;
    geometry_.programs_per_unit = 2;
    geometry_.busy_reads = storage::BusyReads::kStall;
    geometry_.erase_slices = 1;
    geometry_.erase_block_us = 85000;
    geometry_.program_unit_us = 41;
  }

  const storage::FlashGeometry& geometry() const override { return geometry_; }
  const uint8_t* mapped() const override { return bytes_; }

  storage::Status read(uint32_t offset, MutableBytes out) override {
    if (!inside(offset, out.size(), 1)) return storage::Error::kMisuse;
    memcpy(out.data(), bytes_ + offset, out.size());
    return {};
  }

  storage::Status program(uint32_t offset, Bytes bytes) override {
    if (!inside(offset, bytes.size(), 4)) return storage::Error::kMisuse;
    for (size_t i = 0; i < bytes.size(); ++i) {
      if ((bytes_[offset + i] & bytes[i]) != bytes[i]) return storage::Error::kMisuse;
      bytes_[offset + i] = bytes[i];
    }
    return {};
  }

  storage::Status erase(uint32_t offset) override {
    if (!inside(offset, 4096, 4096)) return storage::Error::kMisuse;
    memset(bytes_ + offset, 0xFF, 4096);
    ++erases;
    return {};
  }

  storage::Result<bool> erase_slice(uint32_t offset) override {
    const storage::Status status = erase(offset);
    if (!status.ok()) return status.error();
    return true;
  }

  uint32_t erases = 0;

 private:
  bool inside(uint32_t offset, size_t size, uint32_t alignment) const {
    return offset % alignment == 0 && size % alignment == 0 && offset <= geometry_.size_bytes &&
           size <= geometry_.size_bytes - offset;
  }

  uint8_t* bytes_;
  storage::FlashGeometry geometry_ = {};
};

}  // namespace target_test
}  // namespace roost
