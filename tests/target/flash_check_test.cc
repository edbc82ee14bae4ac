// The porter's flash check: passes what storage's own contract test passes, on every simulated board, and names
// what is wrong with a driver that is.
#include "device/ports/common/flash_check.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>

#include "device/ports/linux/sim_flash.h"

namespace roost::device {
namespace {

using storage::Error;
using storage::Status;

std::array<uint8_t, 512> g_scratch;

TEST(FlashCheck, PassesEverySimulatedBoard) {
  for (const Board& board : boards()) {
    SimFlash flash(board);
    flash.fill(0x33);
    const char* wrong = check_flash(flash, g_scratch);
    EXPECT_EQ(wrong, nullptr) << board.name << ": " << (wrong ? wrong : "");
  }
}

// A simulated board behind a driver with one mistake.
class Mistaken final : public storage::Flash {
 public:
  enum Mistake { kNone, kErasesHalf, kProgramsNothing, kTakesUnaligned, kTwoSlices, kErasesTheNextToo };
  explicit Mistaken(Mistake mistake) : mistake_(mistake), flash_(*find_board("microbit")) {}

  const storage::FlashGeometry& geometry() const override { return flash_.geometry(); }
  const uint8_t* mapped() const override { return flash_.mapped(); }
  Status read(uint32_t offset, MutableBytes out) override { return flash_.read(offset, out); }
  Status program(uint32_t offset, Bytes bytes) override {
    if (mistake_ == kProgramsNothing) return {};
    if (mistake_ == kTakesUnaligned && offset % 4 != 0) return {};
    return flash_.program(offset, bytes);
  }
  Status erase(uint32_t offset) override {
    const Status status = flash_.erase(offset);
    if (mistake_ == kErasesHalf && status.ok()) flash_.raw()[offset + 1000] = 0;
    if (mistake_ == kErasesTheNextToo && status.ok() && offset == 0) return flash_.erase(1024);
    return status;
  }
  storage::Result<bool> erase_slice(uint32_t offset) override {
    if (mistake_ == kTwoSlices && !sliced_) {
      sliced_ = true;
      return false;
    }
    return flash_.erase_slice(offset);
  }

 private:
  Mistake mistake_;
  SimFlash flash_;
  bool sliced_ = false;
};

TEST(FlashCheck, NamesWhatIsWrong) {
  const std::pair<Mistaken::Mistake, const char*> kCases[] = {
      {Mistaken::kErasesHalf, "an erased block does not read the erased value throughout"},
      {Mistaken::kProgramsNothing, "a programmed unit reads something else"},
      {Mistaken::kTakesUnaligned, "an unaligned program is taken"},
      {Mistaken::kTwoSlices, "erase_slice takes another number of slices than promised"},
      {Mistaken::kErasesTheNextToo, "erasing a block changed the next one"},
  };
  for (const auto& [mistake, sentence] : kCases) {
    Mistaken flash(mistake);
    const char* wrong = check_flash(flash, g_scratch);
    ASSERT_NE(wrong, nullptr) << sentence;
    EXPECT_STREQ(wrong, sentence);
  }
  Mistaken sound(Mistaken::kNone);
  EXPECT_EQ(check_flash(sound, g_scratch), nullptr);
}

}  // namespace
}  // namespace roost::device
