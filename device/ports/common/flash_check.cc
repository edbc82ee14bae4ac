#include "device/ports/common/flash_check.h"

#include <string.h>

namespace roost {
namespace device {
namespace {

using storage::Error;
using storage::Flash;
using storage::FlashGeometry;

class FlashCheck {
 public:
  FlashCheck(Flash& flash, MutableBytes scratch) : flash_(flash), g_(flash.geometry()), scratch_(scratch) {}

  const char* run() {
    const char* (FlashCheck::*const kSteps[])() = {
        &FlashCheck::geometry,         &FlashCheck::erases_a_block, &FlashCheck::programs_units,
        &FlashCheck::keeps_neighbours, &FlashCheck::slices,         &FlashCheck::refuses_misuse,
        &FlashCheck::reaches_the_end,
    };
    for (auto step : kSteps) {
      if (const char* wrong = (this->*step)()) return wrong;
    }
    return nullptr;
  }

 private:
  const char* geometry() {
    const uint32_t block = g_.erase_block_bytes;
    const uint32_t unit = g_.program_unit_bytes;
    if (unit == 0 || unit > 256 || (unit & (unit - 1)) != 0) return "the program unit is no power of two up to 256";
    if (block == 0 || block % unit != 0) return "the erase block is no whole number of program units";
    if (g_.size_bytes % block != 0 || g_.size_bytes / block < 3)
      return "the region is not three or more whole blocks";
    if (g_.erased_value != 0xFF && g_.erased_value != 0x00) return "the erased value is neither 0xFF nor 0x00";
    if (g_.programs_per_unit == 0 || g_.erase_slices == 0) return "programs_per_unit or erase_slices is 0";
    if (scratch_.size() < 64 || scratch_.size() < 2 * unit) return "the scratch is too small";
    if (flash_.mapped() == nullptr) return "mapped() gives no address: models run in place";
    if (reinterpret_cast<uintptr_t>(flash_.mapped()) % 16 != 0)
      return "the region does not start at a multiple of 16";
    return nullptr;
  }

  const char* erases_a_block() {
    if (!flash_.erase(0).ok() || !flash_.erase(g_.erase_block_bytes).ok()) return "erasing a block fails";
    if (!erased(0, 2 * g_.erase_block_bytes)) return "an erased block does not read the erased value throughout";
    return nullptr;
  }

  const char* programs_units() {
    const uint32_t unit = g_.program_unit_bytes;
    fill(unit, 1);
    if (!flash_.program(unit, scratch_.first(unit)).ok()) return "programming one unit fails";
    if (!reads(unit, unit, 1)) return "a programmed unit reads something else";
    if (!erased(0, unit) || !erased(2 * unit, unit)) return "programming one unit changed its neighbours";
    fill(2 * unit, 2);
    if (!flash_.program(4 * unit, scratch_.first(2 * unit)).ok()) return "programming two units at once fails";
    if (!reads(4 * unit, 2 * unit, 2)) return "two units programmed at once read something else";
    if (g_.programs_per_unit < 2) return nullptr;
    // Down to the opposite of erased: allowed once more.
    memset(scratch_.data(), static_cast<uint8_t>(~g_.erased_value), unit);
    if (!flash_.program(unit, scratch_.first(unit)).ok()) return "a second program of a unit fails, though allowed";
    uint8_t byte = g_.erased_value;
    if (!flash_.read(unit, MutableBytes(&byte, 1)).ok() || byte != static_cast<uint8_t>(~g_.erased_value)) {
      return "a second program of a unit did nothing";
    }
    return nullptr;
  }

  const char* keeps_neighbours() {
    const uint32_t block = g_.erase_block_bytes;
    const uint32_t unit = g_.program_unit_bytes;
    fill(unit, 3);
    if (!flash_.program(block, scratch_.first(unit)).ok()) return "programming the second block fails";
    if (!flash_.erase(0).ok()) return "erasing a block that was programmed fails";
    if (!erased(0, block)) return "a block that was programmed does not read erased after an erase";
    if (!reads(block, unit, 3)) return "erasing a block changed the next one";
    return nullptr;
  }

  const char* slices() {
    for (uint32_t slice = 1;; ++slice) {
      const storage::Result<bool> done = flash_.erase_slice(g_.erase_block_bytes);
      if (!done.ok()) return "erase_slice fails";
      if (done.value() != (slice == g_.erase_slices))
        return "erase_slice takes another number of slices than promised";
      if (done.value()) break;
    }
    if (!erased(g_.erase_block_bytes, g_.erase_block_bytes)) return "a block erased in slices does not read erased";
    return nullptr;
  }

  const char* refuses_misuse() {
    const uint32_t unit = g_.program_unit_bytes;
    fill(2 * unit, 4);
    const Bytes bytes = scratch_.first(unit);
    if (unit > 1 && flash_.program(unit / 2, bytes).error() != Error::kMisuse)
      return "an unaligned program is taken";
    if (unit > 1 && flash_.program(0, scratch_.first(unit / 2)).error() != Error::kMisuse) {
      return "a program of part of a unit is taken";
    }
    if (flash_.program(g_.size_bytes, bytes).error() != Error::kMisuse)
      return "a program behind the region is taken";
    if (flash_.program(g_.size_bytes - unit, scratch_.first(2 * unit)).error() != Error::kMisuse) {
      return "a program that leaves the region is taken";
    }
    if (flash_.erase(unit).error() != Error::kMisuse) return "an erase at no block's beginning is taken";
    if (flash_.erase(g_.size_bytes).error() != Error::kMisuse) return "an erase behind the region is taken";
    if (flash_.read(g_.size_bytes, scratch_.first(1)).error() != Error::kMisuse)
      return "a read behind the region is taken";
    if (!erased(0, g_.erase_block_bytes)) return "a call that was refused did something";
    return nullptr;
  }

  const char* reaches_the_end() {
    const uint32_t unit = g_.program_unit_bytes;
    if (!flash_.erase(g_.size_bytes - g_.erase_block_bytes).ok()) return "erasing the last block fails";
    fill(unit, 5);
    if (!flash_.program(g_.size_bytes - unit, scratch_.first(unit)).ok()) return "programming the last unit fails";
    if (!reads(g_.size_bytes - unit, unit, 5)) return "the last unit reads something else";
    if (!flash_.erase(g_.size_bytes - g_.erase_block_bytes).ok()) return "erasing the last block again fails";
    return nullptr;
  }

  static uint8_t sample(uint32_t i, uint8_t seed) { return static_cast<uint8_t>(i * 29 + seed * 71 + 5); }

  void fill(uint32_t size, uint8_t seed) {
    for (uint32_t i = 0; i < size; ++i) scratch_[i] = sample(i, seed);
  }

  // Through read() and through mapped(), which must agree.
  bool byte_at(uint32_t offset, uint8_t* value) {
    const volatile uint8_t* const mapped = flash_.mapped() + offset;
    return flash_.read(offset, MutableBytes(value, 1)).ok() && *mapped == *value;
  }
  bool reads(uint32_t offset, uint32_t size, uint8_t seed) {
    uint8_t value = 0;
    for (uint32_t i = 0; i < size; ++i) {
      if (!byte_at(offset + i, &value) || value != sample(i, seed)) return false;
    }
    return true;
  }
  bool erased(uint32_t offset, uint32_t size) {
    uint8_t value = 0;
    for (uint32_t i = 0; i < size; ++i) {
      if (!byte_at(offset + i, &value) || value != g_.erased_value) return false;
    }
    return true;
  }

  Flash& flash_;
  const FlashGeometry& g_;
  MutableBytes scratch_;
};

}  // namespace

const char* check_flash(storage::Flash& flash, MutableBytes scratch) {
  return FlashCheck(flash, scratch).run();
}

}  // namespace device
}  // namespace roost
