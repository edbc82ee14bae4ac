// A part that nobody makes, as a porter's would be: blocks of 2048, units of 16 that ECC lets be programmed once, and an
// erased byte reads 0x00. In memory.
#pragma once

#include <string.h>

#include "storage/flash.h"
#include "storage/region.h"

namespace roost {
namespace target_test {

class InventedFlash final : public storage::Flash {
 public:
  explicit InventedFlash(storage::Region region) : bytes_(const_cast<uint8_t*>(region.begin)) {
    geometry_.size_bytes = region.size_bytes;
    geometry_.erase_block_bytes = 2048;
    geometry_.program_unit_bytes = 16;
    geometry_.erased_value = 0x00;
    geometry_.programs_per_unit = 1;
    geometry_.busy_reads = storage::BusyReads::kStall;
    geometry_.erase_slices = 1;
    geometry_.erase_block_us = 22000;
    geometry_.program_unit_us = 82;
  }

  const storage::FlashGeometry& geometry() const override { return geometry_; }
  const uint8_t* mapped() const override { return bytes_; }

  storage::Status read(uint32_t offset, MutableBytes out) override {
    if (!inside(offset, out.size(), 1)) return storage::Error::kMisuse;
    memcpy(out.data(), bytes_ + offset, out.size());
    return {};
  }

  storage::Status program(uint32_t offset, Bytes bytes) override {
    if (!inside(offset, bytes.size(), geometry_.program_unit_bytes)) return storage::Error::kMisuse;
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (bytes_[offset + i] != geometry_.erased_value) return storage::Error::kProgramFailed;
    }
    memcpy(bytes_ + offset, bytes.data(), bytes.size());
    return {};
  }

  storage::Status erase(uint32_t offset) override {
    if (!inside(offset, geometry_.erase_block_bytes, geometry_.erase_block_bytes)) return storage::Error::kMisuse;
    memset(bytes_ + offset, geometry_.erased_value, geometry_.erase_block_bytes);
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
