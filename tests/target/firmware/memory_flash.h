// A part's flash rules over memory, for a board that has no flash to speak of.
#pragma once

#include <string.h>

#include "storage/flash.h"
#include "storage/region.h"

namespace roost {
namespace target_test {

inline storage::FlashGeometry nrf52840_geometry() {
  storage::FlashGeometry geometry = {};
  geometry.erase_block_bytes = 4096;
  geometry.program_unit_bytes = 4;
  geometry.erased_value = 0xFF;
  geometry.programs_per_unit = 2;
  geometry.busy_reads = storage::BusyReads::kStall;
  geometry.erase_slices = 1;
  geometry.erase_block_us = 85000;
  geometry.program_unit_us = 41;
  return geometry;
}

// A part that nobody makes, as a porter's would be: units that ECC lets be programmed once, an erased byte reads 0x00.
inline storage::FlashGeometry invented_geometry() {
  storage::FlashGeometry geometry = {};
  geometry.erase_block_bytes = 2048;
  geometry.program_unit_bytes = 16;
  geometry.erased_value = 0x00;
  geometry.programs_per_unit = 1;
  geometry.busy_reads = storage::BusyReads::kStall;
  geometry.erase_slices = 1;
  geometry.erase_block_us = 22000;
  geometry.program_unit_us = 82;
  return geometry;
}

class MemoryFlash final : public storage::Flash {
 public:
  MemoryFlash(const storage::FlashGeometry& geometry, storage::Region region)
      : bytes_(const_cast<uint8_t*>(region.begin)), geometry_(geometry) {
    geometry_.size_bytes = region.size_bytes;
  }

  const storage::FlashGeometry& geometry() const override { return geometry_; }
  const uint8_t* mapped() const override { return bytes_; }

  storage::Status read(uint32_t offset, MutableBytes out) override {
    if (!inside(offset, out.size(), 1)) return storage::Error::kMisuse;
    memcpy(out.data(), bytes_ + offset, out.size());
    return {};
  }

  // Bits go from the erased value to the other; once, where a unit may be programmed once.
  storage::Status program(uint32_t offset, Bytes bytes) override {
    if (!inside(offset, bytes.size(), geometry_.program_unit_bytes)) return storage::Error::kMisuse;
    for (size_t i = 0; i < bytes.size(); ++i) {
      const uint8_t programmed = bytes_[offset + i] ^ geometry_.erased_value;
      const uint8_t wanted = bytes[i] ^ geometry_.erased_value;
      if (geometry_.programs_per_unit == 1 && programmed != 0) return storage::Error::kProgramFailed;
      if ((programmed & ~wanted) != 0) return storage::Error::kMisuse;
      bytes_[offset + i] = bytes[i];
    }
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
  storage::FlashGeometry geometry_;
};

}  // namespace target_test
}  // namespace roost
