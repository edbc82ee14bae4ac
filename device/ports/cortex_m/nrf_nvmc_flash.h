// storage::Flash on the flash controller (NVMC) of Nordic's nRF51 and nRF52840.
//
//   roost::device::NvmcRegisters registers;
//   roost::device::NrfNvmcFlash flash(roost::device::NrfPart::kNrf52840, roost::device::linked_region(),
//   registers);
//
// What it does to the processor and the radio: while a word is programmed (41 us on the nRF52840, 46 us on the
// nRF51) or a block erased (85 ms, 21 ms) the processor stands still as soon as it fetches from flash, interrupts
// included, and with it every BLE stack that runs on it. The radio peripheral finishes the packet it is sending; it
// gets no new orders. An erase of 85 ms therefore costs the connection events that fall into it (17 at an interval
// of 5 ms, none or one at 100 ms), no connection, as long as the supervision timeout is well above 100 ms.
// erase_slice holds each stop to `slice_ms` on the nRF52840. The nRF51 has no slices.
//
// A stack that must be asked first (or that plans its events) sits behind RadioPause. With a SoftDevice enabled the
// NVMC belongs to it: use its sd_flash_* calls in a Flash of your own instead, or this driver while it is disabled.
//
// Not from an interrupt: program and erase answer kMisuse there. READY is honoured before and after each operation.
// Only aligned words are ever stored. One thread.
#pragma once

#include <stdint.h>

#include "storage/flash.h"
#include "storage/region.h"

namespace roost {
namespace device {

enum class NrfPart : uint8_t {
  kNrf51,     // 1024-byte blocks
  kNrf52840,  // 4096-byte blocks, partial erase
};

// The machine below: plain loads and stores of words. A seam so that the driver is tested against a controller that
// is busy, fails, and knows partial erase, which no emulator has.
class NvmcBus {
 public:
  virtual uint32_t load(uintptr_t address) = 0;
  virtual void store(uintptr_t address, uint32_t value) = 0;
  virtual bool in_interrupt() = 0;

 protected:
  ~NvmcBus() = default;
};

// Optional: a radio stack's say before the processor stops. Called once for each program, erase or slice.
class RadioPause {
 public:
  // May the processor stop for about this long now? False: the call answers kFlashBusy, having done nothing.
  virtual bool begin(uint32_t stop_us) = 0;
  virtual void end() = 0;

 protected:
  ~RadioPause() = default;
};

struct NrfFlashOptions {
  uint8_t slice_ms = 3;         // nRF52840: how long one erase_slice stops the processor (1 to 90)
  RadioPause* pause = nullptr;  // borrowed for the driver's life
};

class NrfNvmcFlash final : public storage::Flash {
 public:
  // The region starts and ends on a block boundary. Touches no register.
  NrfNvmcFlash(NrfPart part, storage::Region region, NvmcBus& bus, const NrfFlashOptions& options = {});

  // Does the chip say (FICR) that its blocks are as large as `part` means? Ask once at start.
  bool part_matches();

  const storage::FlashGeometry& geometry() const override { return geometry_; }
  const uint8_t* mapped() const override { return region_.begin; }
  storage::Status read(uint32_t offset, MutableBytes out) override;
  storage::Status program(uint32_t offset, Bytes bytes) override;
  storage::Status erase(uint32_t block_offset) override;
  storage::Result<bool> erase_slice(uint32_t block_offset) override;

 private:
  enum class Mode : uint32_t { kRead = 0, kWrite = 1, kErase = 2 };

  bool inside(uint32_t offset, size_t size, uint32_t alignment) const;
  bool wait_ready();
  storage::Status begin(Mode mode, uint32_t stop_us);
  void end();
  bool reads_erased(uint32_t block_offset);
  uintptr_t address(uint32_t offset) const { return reinterpret_cast<uintptr_t>(region_.begin) + offset; }
  uint32_t word(uint32_t offset) { return bus_.load(address(offset)); }

  storage::Region region_;
  NvmcBus& bus_;
  NrfFlashOptions options_;
  storage::FlashGeometry geometry_;
  uint32_t sliced_block_ = 0;  // the block slices_done_ counts for
  uint8_t slices_done_ = 0;
};

// The controller itself.
class NvmcRegisters final : public NvmcBus {
 public:
  uint32_t load(uintptr_t address) override;
  void store(uintptr_t address, uint32_t value) override;
  bool in_interrupt() override;
};

}  // namespace device
}  // namespace roost
