// The simulated flash keeps the contract of Flash on every board, in memory and in a file, and is stricter than
// silicon where it should be.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "tests/storage/choice.h"
#include "tests/storage/flash_contract.h"
#include "tests/storage/rig.h"

namespace roost {
namespace storage {
namespace {

struct TemporaryFile {
  TemporaryFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "roost-flash-XXXXXX").string();
    const int file = mkstemp(pattern.data());
    close(file);
    path = pattern;
    std::filesystem::remove(path);
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::string path;
};

class SimFlashOnBoard : public testing::TestWithParam<std::string> {
 protected:
  SimFlashOnBoard() : board(small_board(GetParam())), data(board.geometry.program_unit_bytes, 0x5A) {}
  Board board;
  std::vector<uint8_t> data;  // one unit
};

TEST_P(SimFlashOnBoard, KeepsTheContractInMemory) {
  SimFlash flash(board);
  expect_flash_contract(flash);
}

TEST_P(SimFlashOnBoard, KeepsTheContractInAFile) {
  TemporaryFile file;
  std::string error;
  const auto flash = SimFlash::open_file(file.path, board, error);
  ASSERT_TRUE(flash) << error;
  expect_flash_contract(*flash);
}

TEST_P(SimFlashOnBoard, AFileKeepsContentsWearAndRefusesAnotherBoard) {
  TemporaryFile file;
  std::string error;
  {
    const auto flash = SimFlash::open_file(file.path, board, error);
    ASSERT_TRUE(flash) << error;
    EXPECT_FALSE(SimFlash::open_file(file.path, board, error)) << "opened twice";
    ASSERT_TRUE(flash->erase(0).ok());
    ASSERT_TRUE(flash->program(0, data).ok());
  }
  Board other = board;
  other.geometry.erased_value = static_cast<uint8_t>(~other.geometry.erased_value);
  EXPECT_FALSE(SimFlash::open_file(file.path, other, error));
  EXPECT_NE(error, "");
  const auto flash = SimFlash::open_file(file.path, board, error);
  ASSERT_TRUE(flash) << error;
  EXPECT_EQ(flash->wear(0), 1u);
  EXPECT_TRUE(same_bytes(Bytes(flash->mapped(), data.size()), data));
}

TEST_P(SimFlashOnBoard, CountsProgramsOfAUnit) {
  SimFlash flash(board);
  for (int i = 0; i < board.geometry.programs_per_unit; ++i) ASSERT_TRUE(flash.program(0, data).ok());
  EXPECT_EQ(flash.program(0, data).error(), Error::kMisuse);
  EXPECT_EQ(flash.misuses(), 1u);
  ASSERT_TRUE(flash.erase(0).ok());
  EXPECT_TRUE(flash.program(0, data).ok());
}

TEST_P(SimFlashOnBoard, RefusesToTurnABitBack) {
  SimFlash flash(board);
  ASSERT_TRUE(flash.program(0, data).ok());
  const std::vector<uint8_t> back(data.size(), board.geometry.erased_value);
  EXPECT_EQ(flash.program(0, back).error(), Error::kMisuse);
}

TEST_P(SimFlashOnBoard, FailsEverythingAfterACutUntilPowerOn) {
  for (const CutPoint point : {CutPoint::kBefore, CutPoint::kInside, CutPoint::kAfter}) {
    SimFlash flash(board);
    flash.cut_power(flash.operations(), point, 7);
    EXPECT_EQ(flash.program(0, data).error(), Error::kNoPower);
    EXPECT_EQ(flash.program(board.geometry.program_unit_bytes, data).error(), Error::kNoPower);
    EXPECT_EQ(flash.erase(0).error(), Error::kNoPower);
    EXPECT_EQ(flash.erase_slice(0).error(), Error::kNoPower);
    std::vector<uint8_t> out(data.size());
    EXPECT_EQ(flash.read(0, out).error(), Error::kNoPower);
    flash.power_on();
    if (point == CutPoint::kInside) continue;
    ASSERT_TRUE(flash.read(0, out).ok());
    EXPECT_EQ(out == data, point == CutPoint::kAfter);
  }
}

TEST_P(SimFlashOnBoard, RefusesToProgramWhatIsHalfErased) {
  SimFlash flash(board);
  flash.cut_power(flash.operations(), CutPoint::kInside, 3);
  EXPECT_EQ(flash.erase_slice(0).error(), Error::kNoPower);
  flash.power_on();
  EXPECT_EQ(flash.program(0, data).error(), Error::kMisuse);
  ASSERT_TRUE(flash.erase(0).ok());
  EXPECT_TRUE(flash.program(0, data).ok());
}

TEST_P(SimFlashOnBoard, TornUnitsReadRightOnceAndWrongLaterOrNotAtAll) {
  int changing = 0, unreadable = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SimFlash flash(board);
    flash.cut_power(flash.operations(), CutPoint::kInside, seed);
    EXPECT_EQ(flash.program(0, data).error(), Error::kNoPower);
    flash.power_on();
    bool right = false, wrong = false;
    for (int i = 0; i < 20; ++i) {
      std::vector<uint8_t> out(data.size());
      if (!flash.read(0, out).ok()) {
        ++unreadable;
        break;
      }
      (out == data ? right : wrong) = true;
    }
    if (right && wrong) ++changing;
  }
  EXPECT_GT(changing, 0);
  EXPECT_EQ(unreadable > 0, board.ecc);
}

TEST_P(SimFlashOnBoard, ReadingWhileBusyIsAsTheGeometrySays) {
  SimFlash flash(board);
  uint64_t busy_us = 0;
  std::vector<uint8_t> out(4);
  Error seen = Error::kNone;
  flash.on_busy([&](uint64_t us) {
    busy_us += us;
    seen = flash.read(0, out).error();
    EXPECT_EQ(flash.program(0, data).error(), Error::kFlashBusy);
    EXPECT_EQ(flash.erase(0).error(), Error::kFlashBusy);
  });
  ASSERT_TRUE(flash.program(0, data).ok());
  EXPECT_EQ(seen, board.geometry.busy_reads == BusyReads::kFail ? Error::kFlashBusy : Error::kNone);
  EXPECT_EQ(busy_us, board.geometry.program_unit_us);
}

TEST_P(SimFlashOnBoard, FailsOnDemand) {
  SimFlash flash(board);
  const uint32_t unit = board.geometry.program_unit_bytes;
  std::vector<uint8_t> out(unit);
  flash.fail_operations(flash.operations(), 1, Fault::kRefuse);
  EXPECT_EQ(flash.program(0, data).error(), Error::kProgramFailed);
  EXPECT_TRUE(flash.program(0, data).ok());
  flash.fail_operations(flash.operations(), 1, Fault::kBusy);
  EXPECT_EQ(flash.erase(0).error(), Error::kFlashBusy);
  flash.fail_operations(flash.operations(), 1, Fault::kHalf);
  EXPECT_EQ(flash.erase(0).error(), Error::kEraseFailed);
  ASSERT_TRUE(flash.erase(0).ok());
  flash.fail_operations(flash.operations(), 1, Fault::kSilent);
  ASSERT_TRUE(flash.program(unit, data).ok());
  ASSERT_TRUE(flash.read(unit, out).ok());
  EXPECT_NE(out, data);
  flash.fail_read(flash.reads());
  EXPECT_EQ(flash.read(0, out).error(), Error::kReadFailed);
  EXPECT_TRUE(flash.read(0, out).ok());
}

std::vector<std::string> board_names() {
  std::vector<std::string> names;
  for (const Board& board : device::boards()) names.push_back(board.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Boards, SimFlashOnBoard, testing::ValuesIn(board_names()),
                         [](const auto& test) { return test.param; });

// A device process is killed at random moments while it installs; the next one, on the same file, goes on.
TEST(SimFlashFile, AnInstallSurvivesSigkill) {
  TemporaryFile file;
  const Board board = small_board("microbit", 2, 12);
  const Package package = make_package(5, 11000, 300);
  const auto install = [&](SimFlash& flash) {
    Rig rig(flash, config_for(board));
    if (rig.store().slot_in(SlotState::kConfirmed) != kNoSlot) return true;
    if (rig.store().slot_in(SlotState::kPending) == kNoSlot && rig.store().slot_in(SlotState::kTrial) == kNoSlot) {
      if (!rig.open(package)) return false;
      while (rig.store().next_page() < rig.store().chunk_count()) {
        if (rig.store().page_ready()) {
          if (!rig.send_page(package, rig.store().next_page())) return false;
        } else if (!rig.store().work(rig.now).ok()) {
          return false;
        }
      }
      if (!rig.verify() || !rig.store().seal().ok()) return false;
    }
    const BootChoice choice = boot(rig.store(), ResetCause::kOther);
    return rig.store().record_attempt(choice.slot).ok() && rig.store().record_trial(choice.slot).ok() &&
           rig.store().confirm(choice.slot, rig.now).ok();
  };
  int kills = 0;
  bool done = false;
  for (int round = 0; round < 400 && !done; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      std::string error;
      const auto flash = SimFlash::open_file(file.path, board, error);
      if (!flash) _exit(2);
      flash->on_busy([](uint64_t us) { usleep(static_cast<useconds_t>(us / 50)); });
      _exit(install(*flash) ? 0 : 1);
    }
    usleep(static_cast<useconds_t>(1000 + 700 * (round % 17)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) ++kills;
    done = WIFEXITED(status);
    if (done) {
      ASSERT_EQ(WEXITSTATUS(status), 0);
    }
  }
  EXPECT_TRUE(done);
  EXPECT_GT(kills, 0);
  std::string error;
  const auto flash = SimFlash::open_file(file.path, board, error);
  ASSERT_TRUE(flash) << error;
  Rig rig(*flash, config_for(board));
  EXPECT_TRUE(rig.holds(boot(rig.store(), ResetCause::kOther).slot, package));
  EXPECT_EQ(flash->misuses(), 0u);
}

}  // namespace
}  // namespace storage
}  // namespace roost
