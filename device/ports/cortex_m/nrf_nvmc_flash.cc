#include "device/ports/cortex_m/nrf_nvmc_flash.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace device {
namespace {

using storage::Error;
using storage::FlashGeometry;
using storage::Status;

// Offsets: nRF51 Series Reference Manual, "NVMC"; nRF52840 Product Specification, "NVMC".
constexpr uintptr_t kReady = 0x4001E400;
constexpr uintptr_t kConfig = 0x4001E504;
constexpr uintptr_t kErasePage = 0x4001E508;
constexpr uintptr_t kErasePagePartial = 0x4001E518;
constexpr uintptr_t kErasePagePartialConfig = 0x4001E51C;
constexpr uintptr_t kFicrCodePageSize = 0x10000010;

constexpr uint32_t kWordBytes = 4;
constexpr uint32_t kErasedWord = 0xFFFFFFFF;
constexpr uint32_t kPageEraseMs = 90;  // nRF52840: 89.7 ms at most; the slices have to add up to it

// A poll takes at least 16 cycles of 64 MHz (or of 16 MHz): half a second, several times what any operation takes.
// A part that needs longer is broken, and hanging would hide it.
constexpr uint32_t kReadyPollsMax = 2000000;

FlashGeometry geometry_of(NrfPart part, uint32_t size_bytes, uint8_t slice_ms) {
  FlashGeometry g = {};
  g.size_bytes = size_bytes;
  g.program_unit_bytes = kWordBytes;
  g.erased_value = 0xFF;
  g.programs_per_unit = 2;
  g.busy_reads = storage::BusyReads::kStall;
  if (part == NrfPart::kNrf52840) {
    g.erase_block_bytes = 4096;
    g.erase_slices = static_cast<uint8_t>((kPageEraseMs + slice_ms - 1) / slice_ms);
    g.erase_block_us = 85000;
    g.program_unit_us = 41;
  } else {
    g.erase_block_bytes = 1024;
    g.erase_slices = 1;
    g.erase_block_us = 21000;
    g.program_unit_us = 46;
  }
  return g;
}

}  // namespace

NrfNvmcFlash::NrfNvmcFlash(NrfPart part, storage::Region region, NvmcBus& bus, const NrfFlashOptions& options)
    : region_(region),
      bus_(bus),
      options_(options),
      geometry_(geometry_of(part, region.size_bytes, options.slice_ms)) {
  ROOST_ASSERT(reinterpret_cast<uintptr_t>(region.begin) % geometry_.erase_block_bytes == 0);
  ROOST_ASSERT(region.size_bytes % geometry_.erase_block_bytes == 0);
  ROOST_ASSERT(options.slice_ms >= 1 && options.slice_ms <= kPageEraseMs);
}

bool NrfNvmcFlash::part_matches() {
  return bus_.load(kFicrCodePageSize) == geometry_.erase_block_bytes;
}

bool NrfNvmcFlash::inside(uint32_t offset, size_t size, uint32_t alignment) const {
  return offset % alignment == 0 && size % alignment == 0 && offset <= geometry_.size_bytes &&
         size <= geometry_.size_bytes - offset;
}

bool NrfNvmcFlash::wait_ready() {
  for (uint32_t polls = 0; polls < kReadyPollsMax; ++polls) {
    if ((bus_.load(kReady) & 1) != 0) return true;
  }
  return false;
}

// Every operation is bracketed: the radio is asked, the controller is idle, and the write enable is open no longer
// than needed, so that a stray store elsewhere in the firmware cannot reach flash.
Status NrfNvmcFlash::begin(Mode mode, uint32_t stop_us) {
  if (bus_.in_interrupt()) return Error::kMisuse;
  if (options_.pause != nullptr && !options_.pause->begin(stop_us)) return Error::kFlashBusy;
  if (!wait_ready()) {
    if (options_.pause != nullptr) options_.pause->end();
    return Error::kFlashBusy;
  }
  bus_.store(kConfig, static_cast<uint32_t>(mode));
  return {};
}

void NrfNvmcFlash::end() {
  bus_.store(kConfig, static_cast<uint32_t>(Mode::kRead));
  if (options_.pause != nullptr) options_.pause->end();
}

Status NrfNvmcFlash::read(uint32_t offset, MutableBytes out) {
  if (!inside(offset, out.size(), 1)) return Error::kMisuse;
  // Through a pointer the compiler knows nothing about: these bytes change behind its back.
  const uint8_t* from = region_.begin + offset;
  __asm__ volatile("" : "+r"(from) : : "memory");
  if (!out.empty()) memcpy(out.data(), from, out.size());
  return {};
}

Status NrfNvmcFlash::program(uint32_t offset, Bytes bytes) {
  if (!inside(offset, bytes.size(), kWordBytes)) return Error::kMisuse;
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  for (uint32_t i = 0; i < size; i += kWordBytes) {
    const uint32_t wanted = load_le32(bytes.data() + i);
    if ((word(offset + i) & wanted) != wanted) return Error::kMisuse;  // a 0 does not become a 1 again
  }
  Status status = begin(Mode::kWrite, size / kWordBytes * geometry_.program_unit_us);
  if (!status.ok()) return status;
  bool good = true;
  for (uint32_t i = 0; good && i < size; i += kWordBytes) {
    const uint32_t wanted = load_le32(bytes.data() + i);
    if (wanted == kErasedWord) continue;  // changes nothing, and would count as one of the two programs of the word
    bus_.store(address(offset + i), wanted);
    good = wait_ready() && word(offset + i) == wanted;
  }
  end();
  return good ? Error::kNone : Error::kProgramFailed;
}

Status NrfNvmcFlash::erase(uint32_t block_offset) {
  if (!inside(block_offset, geometry_.erase_block_bytes, geometry_.erase_block_bytes)) return Error::kMisuse;
  Status status = begin(Mode::kErase, geometry_.erase_block_us);
  if (!status.ok()) return status;
  if (sliced_block_ == block_offset) slices_done_ = 0;
  bus_.store(kErasePage, static_cast<uint32_t>(address(block_offset)));
  const bool ready = wait_ready();
  end();
  return ready && reads_erased(block_offset) ? Error::kNone : Error::kEraseFailed;
}

storage::Result<bool> NrfNvmcFlash::erase_slice(uint32_t block_offset) {
  if (geometry_.erase_slices == 1) {
    Status status = erase(block_offset);
    if (!status.ok()) return status.error();
    return true;
  }
  if (!inside(block_offset, geometry_.erase_block_bytes, geometry_.erase_block_bytes)) return Error::kMisuse;
  Status status = begin(Mode::kErase, options_.slice_ms * 1000u);
  if (!status.ok()) return status.error();
  if (sliced_block_ != block_offset) slices_done_ = 0;
  sliced_block_ = block_offset;
  bus_.store(kErasePagePartialConfig, options_.slice_ms);
  bus_.store(kErasePagePartial, static_cast<uint32_t>(address(block_offset)));
  const bool ready = wait_ready();
  end();
  if (!ready) {
    slices_done_ = 0;  // the erase is over: the next slice is the first of another
    return Error::kEraseFailed;
  }
  if (++slices_done_ < geometry_.erase_slices) return false;
  slices_done_ = 0;
  if (!reads_erased(block_offset)) return Error::kEraseFailed;
  return true;
}

bool NrfNvmcFlash::reads_erased(uint32_t block_offset) {
  for (uint32_t i = 0; i < geometry_.erase_block_bytes; i += kWordBytes) {
    if (word(block_offset + i) != kErasedWord) return false;
  }
  return true;
}

}  // namespace device
}  // namespace roost
