// The whole of a delivery, from the sender's first offer to the confirmed model, through everything that may go
// wrong: a few stories by name, then lives drawn from seeds. A seed that fails is printed, with its diary;
// ROOST_WORLD_SEED=n lives it alone, ROOST_NIGHTLY=1 lives many more.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/world/world.h"

namespace roost::world {
namespace {

using device::CutPoint;
using protocol::MessageType;
using protocol::Outcome;
using protocol::Reason;
using storage::SlotState;

bool nightly() {
  const char* wanted = std::getenv("ROOST_NIGHTLY");
  return wanted && std::string(wanted) == "1";
}

void expect_no_violation(const World& world) {
  if (world.rig.violations().empty()) return;
  for (const std::string& what : world.rig.violations()) ADD_FAILURE() << what;
  std::cout << "seed " << world.seed << ", board " << world.setting.device.board << ", MTU "
            << world.setting.att_mtu << ", slots " << int{world.setting.device.slot_count} << ", arena "
            << world.setting.device.arena_bytes << "\n";
  for (const std::string& line : world.diary) std::cout << "  " << line << "\n";
}

Setting plain(const std::string& board = "nano33ble") {
  Setting setting;
  setting.device.board = board;
  const uint32_t block = device::find_board(board)->geometry.erase_block_bytes;
  setting.device.payload_blocks = block > 16384 ? 1 : 16384 / block;
  setting.device.budget_refill_ms = 2000;
  return setting;
}

// ---- stories ----

TEST(World, DeliversTwoModelsOneAfterTheOther) {
  World world(1, plain());
  world.run_for(500);
  world.deliver(world.good[0]);
  world.deliver(world.good[1]);
  EXPECT_EQ(world.rig.state_of(world.good[0].id), SlotState::kRetired);
  expect_no_violation(world);
}

TEST(World, DeliversThroughABadLink) {
  Setting setting = plain();
  setting.link = {.lose_data = 0.2,
                  .lose_control = 0.2,
                  .duplicate = 0.2,
                  .corrupt = 0.1,
                  .stack_full = 0.3,
                  .jitter_ms = 40,
                  .latency_ms = 15};
  World world(2, setting);
  world.push(World::kAnna, world.good[2]);
  EXPECT_TRUE(world.run_until([&] { return !world.busy(World::kAnna); }, 300000));
  EXPECT_EQ(world.outcome(World::kAnna), Outcome::kVerified);
  world.stop_faults();
  world.deliver(world.good[2]);
  expect_no_violation(world);
}

// The operations of a whole delivery are counted first; then it is lived again with a cut at each (nightly; else at
// some).
TEST(World, SurvivesACutAtAnyOperationOfAnUpdate) {
  for (const device::Board& part : device::boards()) {
    const std::string& board = part.name;
    uint64_t first = 0, last = 0;
    {
      World world(3, plain(board));
      world.run_for(500);
      world.deliver(world.good[0]);
      first = world.rig.flash.operations();
      world.deliver(world.good[1]);
      last = world.rig.flash.operations();
      expect_no_violation(world);
    }
    const uint64_t stride = nightly() ? 1 : part.geometry.erase_block_bytes > 4096 ? 7 : 2;
    for (uint64_t operation = first; operation < last; operation += stride) {
      for (CutPoint point : {CutPoint::kBefore, CutPoint::kInside, CutPoint::kAfter}) {
        SCOPED_TRACE(board + " operation " + std::to_string(operation));
        World world(operation, plain(board));
        world.run_for(500);
        world.deliver(world.good[0]);
        world.cut_power(operation - world.rig.flash.operations(), point);
        world.push(World::kAnna, world.good[1]);
        (void)world.run_until([&] { return !world.busy(World::kAnna); }, 60000);
        world.request(World::kAnna, MessageType::kActivate);
        world.run_for(1000);
        world.request(World::kAnna, MessageType::kConfirm);
        world.run_for(3000);
        EXPECT_TRUE(world.rig.agent->serving());
        world.stop_faults();
        world.deliver(world.good[1]);
        expect_no_violation(world);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(World, ResumesForAnotherHost) {
  World world(4, plain("microbit"));
  world.push(World::kAnna, world.good[2]);
  ASSERT_TRUE(world.run_until([&] { return world.rig.agent->receiver().durable_chunks() >= 3; }, 60000));
  world.stop_faults();  // Anna forgets what she was doing
  world.deliver(world.good[2]);
  expect_no_violation(world);
}

TEST(World, GoesOnServingThroughEveryFlaw) {
  for (const char* board : {"nano33ble", "rp2040"}) {
    World world(5, plain(board));
    world.run_for(500);
    world.deliver(world.good[0]);
    for (const ToyPackage& bad : world.bad) {
      SCOPED_TRACE(bad.options.version);
      world.push(World::kAnna, bad);
      EXPECT_TRUE(world.run_until([&] { return !world.busy(World::kAnna); }, 60000));
      if (world.outcome(World::kAnna) == Outcome::kVerified) {
        world.request(World::kAnna, MessageType::kActivate);
        world.run_for(3000);
      }
      ASSERT_NE(world.rig.serving(), nullptr);
      EXPECT_EQ(world.rig.serving()->id, world.good[0].id);
    }
    world.deliver(world.good[1]);
    expect_no_violation(world);
  }
}

TEST(World, IsNotMovedByBabble) {
  World world(6, plain());
  world.run_for(500);
  world.deliver(world.good[0]);
  world.push(World::kBert, world.good[1]);
  for (int i = 0; i < 300; ++i) {
    world.babble(i % 2 == 0 ? World::kAnna : World::kBert);
    world.run_for(20);
  }
  EXPECT_TRUE(world.rig.agent->serving());
  world.stop_faults();
  world.deliver(world.good[2]);
  expect_no_violation(world);
}

// ---- lives ----

void live_one(uint64_t seed, uint64_t* inferences, uint64_t* cuts, uint64_t* deliveries) {
  World world(seed, draw_setting(seed));
  world.live(40);
  if (world.rig.violations().empty()) {
    world.stop_faults();
    // What lies there half, as often as something else.
    const ToyPackage* goal = &world.good[seed % world.good.size()];
    const uint8_t half = world.rig.agent->store().slot_in(SlotState::kReceiving);
    if (half != storage::kNoSlot && seed % 2 == 0) {
      const uint32_t id = world.rig.agent->store().state().slots[half].package_id;
      for (const ToyPackage& package : world.good) {
        if (package.id == id) goal = &package;
      }
    }
    world.deliver(*goal);
  }
  expect_no_violation(world);
  *inferences += world.inferences;
  *cuts += world.cuts;
  *deliveries += world.deliveries;
}

TEST(World, LivesThroughManySeeds) {
  const char* only = std::getenv("ROOST_WORLD_SEED");
  const uint64_t first = only ? std::strtoull(only, nullptr, 10) : 1000;
  const uint64_t count = only ? 1 : nightly() ? 20000 : 200;
  uint64_t inferences = 0, cuts = 0, deliveries = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("ROOST_WORLD_SEED=" + std::to_string(seed));
    live_one(seed, &inferences, &cuts, &deliveries);
    if (::testing::Test::HasFailure()) return;
  }
  std::cout << count << " lives from seed " << first << ": " << cuts << " power cuts, " << deliveries
            << " deliveries, " << inferences << " inferences\n";
  // The lives are worth something only if they get somewhere.
  if (only) return;
  EXPECT_GT(deliveries, count);
  EXPECT_GT(cuts, count / 4);
}

}  // namespace
}  // namespace roost::world
