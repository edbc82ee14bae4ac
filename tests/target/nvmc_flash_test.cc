// The nRF flash driver against a fake controller that knows what no emulator does: it is busy for a while after
// each operation, faults on what the manual forbids, erases in part, and breaks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "device/ports/common/flash_check.h"
#include "device/ports/cortex_m/nrf_nvmc_flash.h"
#include "tests/storage/flash_contract.h"

namespace roost::device {
namespace {

using storage::Error;

constexpr uint32_t kRegionBytes = 4 * 4096;
constexpr uintptr_t kReady = 0x4001E400, kConfig = 0x4001E504, kErasePage = 0x4001E508;
constexpr uintptr_t kErasePartial = 0x4001E518, kErasePartialConfig = 0x4001E51C;

alignas(4096) uint8_t g_flash[kRegionBytes];

class FakeNvmc final : public NvmcBus {
 public:
  explicit FakeNvmc(uint32_t block_bytes) : block_bytes_(block_bytes) { memset(g_flash, 0xA5, sizeof(g_flash)); }

  uint32_t load(uintptr_t address) override {
    if (address == kReady) return busy_polls_ > 0 ? (--busy_polls_, 0) : 1;
    if (address == 0x10000010) return block_bytes_;
    return load_le32(flash_at(address));
  }

  void store(uintptr_t address, uint32_t value) override {
    if (busy_polls_ > 0 && !stuck) ADD_FAILURE() << "register or flash written while busy: " << std::hex << address;
    if (address == kConfig) {
      config_ = value;
    } else if (address == kErasePage) {
      erase(value);
    } else if (address == kErasePartialConfig) {
      slice_ms_ = value;
    } else if (address == kErasePartial) {
      erase_part(value);
    } else {
      program(address, value);
    }
  }

  bool in_interrupt() override { return interrupt; }

  bool interrupt = false;
  bool stuck = false;     // READY never comes again
  bool weak_bit = false;  // programming loses a bit
  int erases = 0, programs = 0, slices = 0;
  uint32_t config() const { return config_; }
  void get_ready() { stuck = false, busy_polls_ = 0; }

 private:
  uint8_t* flash_at(uintptr_t address) {
    const uintptr_t offset =
        static_cast<uint32_t>(address) - static_cast<uint32_t>(reinterpret_cast<uintptr_t>(g_flash));
    EXPECT_LT(offset, kRegionBytes);
    EXPECT_EQ(offset % 4, 0u);
    return g_flash + offset % kRegionBytes;
  }
  void start() { busy_polls_ = stuck ? UINT32_MAX : 5; }
  void program(uintptr_t address, uint32_t value) {
    EXPECT_EQ(config_, 1u) << "store without write enable";
    uint8_t* p = flash_at(address);
    store_le32(p, load_le32(p) & value & (weak_bit ? 0xFFFFFFFE : 0xFFFFFFFF));
    ++programs;
    start();
  }
  void erase(uint32_t address) {
    EXPECT_EQ(config_, 2u) << "erase without erase enable";
    memset(flash_at(address), 0xFF, block_bytes_);
    erased_ms_ = 0;
    ++erases;
    start();
  }
  void erase_part(uint32_t address) {
    EXPECT_EQ(config_, 2u);
    if (address != part_) erased_ms_ = 0;
    part_ = address;
    erased_ms_ += slice_ms_;
    memset(flash_at(address), erased_ms_ >= 90 ? 0xFF : 0x5A, block_bytes_);
    ++slices;
    start();
  }

  uint32_t block_bytes_;
  uint32_t busy_polls_ = 3;
  uint32_t config_ = 0;
  uint32_t slice_ms_ = 0, erased_ms_ = 0, part_ = 0;
};

class Pause final : public RadioPause {
 public:
  bool begin(uint32_t stop_us) override {
    stops.push_back(stop_us);
    return allow;
  }
  void end() override { ++ends; }
  bool allow = true;
  std::vector<uint32_t> stops;
  int ends = 0;
};

storage::Region region() {
  return storage::Region{g_flash, kRegionBytes};
}

std::array<uint8_t, 16> some_bytes() {
  return {1, 2, 3, 4, 5, 6, 7, 8, 0xFF, 0xFF, 0xFF, 0xFF, 9, 10, 11, 12};
}

TEST(NrfNvmcFlash, KeepsTheContract) {
  for (NrfPart part : {NrfPart::kNrf51, NrfPart::kNrf52840}) {
    FakeNvmc nvmc(part == NrfPart::kNrf51 ? 1024 : 4096);
    NrfNvmcFlash flash(part, region(), nvmc);
    storage::expect_flash_contract(flash);
    std::array<uint8_t, 64> scratch;
    EXPECT_EQ(check_flash(flash, scratch), nullptr);
  }
}

TEST(NrfNvmcFlash, WaitsForReadyAroundEveryOperation) {
  FakeNvmc nvmc(1024);
  NrfNvmcFlash flash(NrfPart::kNrf51, region(), nvmc);
  EXPECT_TRUE(flash.erase(1024).ok());
  EXPECT_TRUE(flash.program(1024, some_bytes()).ok());
  EXPECT_TRUE(same_bytes(Bytes(g_flash + 1024, 16), some_bytes()));
  EXPECT_EQ(g_flash[1023], 0xA5);
  EXPECT_EQ(g_flash[2048], 0xA5);
}

TEST(NrfNvmcFlash, LeavesTheWriteEnableOffAfterSuccessAndFailure) {
  FakeNvmc nvmc(4096);
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc);
  EXPECT_TRUE(flash.erase(0).ok());
  EXPECT_EQ(nvmc.config(), 0u);
  nvmc.weak_bit = true;
  EXPECT_EQ(flash.program(0, some_bytes()).error(), Error::kProgramFailed);
  EXPECT_EQ(nvmc.config(), 0u);
}

TEST(NrfNvmcFlash, SkipsWordsThatAreErasedAnyway) {
  FakeNvmc nvmc(4096);
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc);
  ASSERT_TRUE(flash.erase(0).ok());
  ASSERT_TRUE(flash.program(0, some_bytes()).ok());
  EXPECT_EQ(nvmc.programs, 3);
}

TEST(NrfNvmcFlash, ErasesInSlicesThatAddUpToTheWholeTime) {
  FakeNvmc nvmc(4096);
  NrfFlashOptions options;
  options.slice_ms = 4;
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc, options);
  ASSERT_EQ(flash.geometry().erase_slices, 23);
  for (int slice = 1; slice < 23; ++slice) ASSERT_FALSE(flash.erase_slice(4096).value());
  EXPECT_NE(g_flash[4096], 0xFF);
  EXPECT_TRUE(flash.erase_slice(4096).value());
  EXPECT_EQ(g_flash[4096], 0xFF);
  EXPECT_EQ(nvmc.slices, 23);
}

TEST(NrfNvmcFlash, StartsOverWhenAnotherBlockIsSliced) {
  FakeNvmc nvmc(4096);
  NrfFlashOptions options;
  options.slice_ms = 45;
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc, options);
  ASSERT_FALSE(flash.erase_slice(0).value());
  ASSERT_FALSE(flash.erase_slice(4096).value());
  EXPECT_FALSE(flash.erase_slice(0).value());
  EXPECT_TRUE(flash.erase_slice(0).value());
}

TEST(NrfNvmcFlash, StartsOverAfterAWholeEraseOfTheSameBlock) {
  FakeNvmc nvmc(4096);
  NrfFlashOptions options;
  options.slice_ms = 45;
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc, options);
  ASSERT_FALSE(flash.erase_slice(0).value());
  ASSERT_TRUE(flash.erase(0).ok());
  EXPECT_FALSE(flash.erase_slice(0).value());
}

TEST(NrfNvmcFlash, AsksTheRadioOnceForEachOperation) {
  FakeNvmc nvmc(4096);
  Pause pause;
  NrfFlashOptions options;
  options.pause = &pause;
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc, options);
  ASSERT_TRUE(flash.erase(0).ok());
  ASSERT_TRUE(flash.program(0, some_bytes()).ok());
  ASSERT_FALSE(flash.erase_slice(4096).value());
  EXPECT_THAT(pause.stops, testing::ElementsAre(85000u, 4 * 41u, 3000u));
  EXPECT_EQ(pause.ends, 3);
}

TEST(NrfNvmcFlash, DoesNothingWhenTheRadioRefuses) {
  FakeNvmc nvmc(4096);
  Pause pause;
  NrfFlashOptions options;
  options.pause = &pause;
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc, options);
  ASSERT_TRUE(flash.erase(0).ok());
  pause.allow = false;
  EXPECT_EQ(flash.erase(0).error(), Error::kFlashBusy);
  EXPECT_EQ(flash.erase_slice(0).error(), Error::kFlashBusy);
  EXPECT_EQ(flash.program(0, some_bytes()).error(), Error::kFlashBusy);
  EXPECT_EQ(nvmc.erases + nvmc.slices + nvmc.programs, 1);
  EXPECT_EQ(pause.ends, 1);
}

TEST(NrfNvmcFlash, RefusesInAnInterrupt) {
  FakeNvmc nvmc(4096);
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc);
  nvmc.interrupt = true;
  EXPECT_EQ(flash.erase(0).error(), Error::kMisuse);
  EXPECT_EQ(flash.erase_slice(0).error(), Error::kMisuse);
  EXPECT_EQ(flash.program(0, std::array<uint8_t, 4>{}).error(), Error::kMisuse);
  EXPECT_EQ(nvmc.erases + nvmc.slices + nvmc.programs, 0);
}

TEST(NrfNvmcFlash, ReportsAControllerThatNeverGetsReady) {
  FakeNvmc nvmc(4096);
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc);
  nvmc.stuck = true;
  EXPECT_EQ(flash.erase(0).error(), Error::kEraseFailed);
}

TEST(NrfNvmcFlash, StartsOverAfterASliceThatFailed) {
  FakeNvmc nvmc(4096);
  NrfFlashOptions options;
  options.slice_ms = 45;
  NrfNvmcFlash flash(NrfPart::kNrf52840, region(), nvmc, options);
  ASSERT_FALSE(flash.erase_slice(0).value());
  ASSERT_TRUE(flash.erase_slice(0).value());
  nvmc.stuck = true;
  EXPECT_EQ(flash.erase_slice(0).error(), Error::kEraseFailed);
  nvmc.get_ready();
  ASSERT_FALSE(flash.erase_slice(0).value());
  nvmc.stuck = true;
  EXPECT_EQ(flash.erase_slice(0).error(), Error::kEraseFailed);
  nvmc.get_ready();
  EXPECT_FALSE(flash.erase_slice(0).value()) << "one slice of the failed erase must not count for this one";
}

TEST(NrfNvmcFlash, KnowsWhichPartItIsOn) {
  FakeNvmc nvmc(4096);
  EXPECT_TRUE(NrfNvmcFlash(NrfPart::kNrf52840, region(), nvmc).part_matches());
  EXPECT_FALSE(NrfNvmcFlash(NrfPart::kNrf51, region(), nvmc).part_matches());
}

}  // namespace
}  // namespace roost::device
