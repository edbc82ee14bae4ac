// Proves that planned tensors never overlap while both live, that places are aligned, and that the planner reaches
// the lower bound where lifetimes form a chain. Random lifetimes, fixed seeds.
#include "runtime/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace roost::runtime::testing {
namespace {

// Draws below `end`.
class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t below(uint32_t end) { return static_cast<uint32_t>(engine_() % end); }
  std::mt19937& engine() { return engine_; }

 private:
  std::mt19937 engine_;
};

PlanEntry entry(uint32_t size, uint16_t first, uint16_t last, uint32_t owner = 0) {
  return PlanEntry{size, 0xDEAD, first, last, owner};
}

bool live_together(const PlanEntry& a, const PlanEntry& b) {
  return a.first <= b.last && b.first <= a.last;
}
bool share_bytes(const PlanEntry& a, const PlanEntry& b) {
  return a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

void expect_sound(const std::vector<PlanEntry>& entries, uint32_t used) {
  uint32_t end = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(entries[i].offset % kArenaAlignment, 0u);
    end = std::max(end, align_up(entries[i].offset + entries[i].size, kArenaAlignment));
    for (size_t j = 0; j < i; ++j) {
      EXPECT_FALSE(live_together(entries[i], entries[j]) && share_bytes(entries[i], entries[j]))
          << i << " and " << j;
    }
  }
  EXPECT_EQ(used, end);
}

// No plan can use less than what lives at the busiest moment.
uint32_t busiest_moment(const std::vector<PlanEntry>& entries, uint16_t time_max) {
  uint32_t most = 0;
  for (uint16_t time = 0; time <= time_max; ++time) {
    uint32_t now = 0;
    for (const PlanEntry& e : entries) {
      if (e.first <= time && time <= e.last) now += align_up(e.size, kArenaAlignment);
    }
    most = std::max(most, now);
  }
  return most;
}

TEST(Plan, OfNothingUsesNothing) {
  EXPECT_EQ(plan(Span<PlanEntry>()), 0u);
}

TEST(Plan, PutsTensorsThatNeverMeetInOnePlace) {
  std::vector<PlanEntry> entries = {entry(100, 0, 1), entry(90, 2, 3), entry(80, 4, 5)};
  EXPECT_EQ(plan(entries), 112u);
  for (const PlanEntry& e : entries) EXPECT_EQ(e.offset, 0u);
}

TEST(Plan, KeepsTensorsApartThatMeetInOneOperator) {
  std::vector<PlanEntry> entries = {entry(16, 0, 1), entry(16, 1, 2)};
  EXPECT_EQ(plan(entries), 32u);
  expect_sound(entries, 32);
}

TEST(Plan, FillsTheGapBelowALaterTensor) {
  // The large one lies at 0 while it lives; the middle one above it; the small one fits below when the large is
  // gone.
  std::vector<PlanEntry> entries = {entry(160, 0, 1, 0), entry(96, 1, 3, 1), entry(64, 2, 3, 2)};
  EXPECT_EQ(plan(entries), 256u);
  expect_sound(entries, 256);
  for (const PlanEntry& e : entries) {
    if (e.owner == 2) {
      EXPECT_EQ(e.offset, 0u);
    }
  }
}

TEST(Plan, ReachesTheBusiestMomentOnAChain) {
  Random random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<PlanEntry> entries;
    for (uint16_t i = 0; i < 30; ++i)
      entries.push_back(entry(1 + random.below(1000), i, static_cast<uint16_t>(i + 1), i));
    const uint32_t used = plan(entries);
    expect_sound(entries, used);
    EXPECT_GE(used, busiest_moment(entries, 31));
  }
}

TEST(Plan, NeverOverlapsRandomLifetimes) {
  Random random(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<PlanEntry> entries;
    const uint32_t count = 1 + random.below(60);
    for (uint16_t i = 0; i < count; ++i) {
      const uint16_t first = static_cast<uint16_t>(random.below(40));
      entries.push_back(entry(1 + random.below(500), first, static_cast<uint16_t>(first + random.below(10)), i));
    }
    const uint32_t used = plan(entries);
    expect_sound(entries, used);
    EXPECT_GE(used, busiest_moment(entries, 50));
  }
}

TEST(Plan, IsTheSameWhateverOrderTheTensorsComeIn) {
  Random random(3);
  std::vector<PlanEntry> entries;
  for (uint16_t i = 0; i < 40; ++i) {
    const uint16_t first = static_cast<uint16_t>(random.below(20));
    entries.push_back(entry(16 * (1 + random.below(4)), first, static_cast<uint16_t>(first + random.below(5)), i));
  }
  std::vector<PlanEntry> shuffled = entries;
  std::shuffle(shuffled.begin(), shuffled.end(), random.engine());
  EXPECT_EQ(plan(entries), plan(shuffled));
  for (size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(entries[i].owner, shuffled[i].owner);
    EXPECT_EQ(entries[i].offset, shuffled[i].offset);
  }
}

TEST(Plan, SaysWhenThirtyOneBitsAreNotEnough) {
  std::vector<PlanEntry> entries;
  for (uint16_t i = 0; i < 12; ++i) entries.push_back(entry(kTensorBytesMax, 0, 1, i));
  EXPECT_GT(plan(entries), uint32_t{kPlanBytesMax});
}

}  // namespace
}  // namespace roost::runtime::testing
