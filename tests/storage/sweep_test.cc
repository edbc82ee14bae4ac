// Proves that no power cut, wherever it falls and whatever it tears, loses a model or a durable chunk: see sweep.h.
// One test per geometry. ROOST_NIGHTLY=1 leaves nothing out.
#include "tests/storage/sweep.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "device/ports/linux/sim_flash.h"

namespace roost {
namespace storage {
namespace {

void expect_kept(SweepOptions options) {
  options.full = std::getenv("ROOST_NIGHTLY") != nullptr;
  const SweepReport report = sweep(options);
  printf("%s: %llu runs, %llu power cuts, %llu faults\n", options.board.c_str(),
         static_cast<unsigned long long>(report.runs), static_cast<unsigned long long>(report.cuts),
         static_cast<unsigned long long>(report.faults));
  EXPECT_EQ(report.failure, "");
  EXPECT_GT(report.cuts, 300u);
}

std::vector<std::string> board_names() {
  std::vector<std::string> names;
  for (const device::Board& board : device::boards()) names.push_back(board.name);
  return names;
}

class PowerCutSweep : public testing::TestWithParam<std::string> {};

TEST_P(PowerCutSweep, KeepsEveryPromise) {
  SweepOptions options;
  options.board = GetParam();
  if (options.board == "large_block") {
    options.payload_blocks = 2;
    options.step = 29;
  }
  expect_kept(options);
}

// What is durable is not recorded with every block.
TEST(PowerCutSweepOf, ManyBlocks) {
  expect_kept({.board = "microbit", .payload_blocks = 50, .step = 5});
}

// A block holds several chunks, the last one not as many.
TEST(PowerCutSweepOf, SmallChunks) {
  expect_kept({.board = "microbit", .chunk_bytes = 256});
}

INSTANTIATE_TEST_SUITE_P(Boards, PowerCutSweep, testing::ValuesIn(board_names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace storage
}  // namespace roost
