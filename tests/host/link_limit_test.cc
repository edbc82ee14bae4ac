// Proves the arithmetic of the air against figures worked out apart from it.
#include "host/link_limit.h"

#include <gtest/gtest.h>

namespace roost::host {
namespace {

// kbit/s of values.
double kbit(AirParameters air) {
  return air_bytes_per_second(air) * 8 / 1000;
}

TEST(AirBytesPerSecond, IsThatOfAnEndlessEvent) {
  EXPECT_NEAR(kbit({.value_bytes = 20, .phy_mbit = 1}), 237, 1);
  EXPECT_NEAR(kbit({.value_bytes = 244, .phy_mbit = 1}), 791, 1);
  EXPECT_NEAR(kbit({.value_bytes = 495, .phy_mbit = 1}), 802, 1);
  EXPECT_NEAR(kbit({.value_bytes = 20, .phy_mbit = 2}), 323, 1);
  EXPECT_NEAR(kbit({.value_bytes = 244, .phy_mbit = 2}), 1402, 1);
  EXPECT_NEAR(kbit({.value_bytes = 495, .phy_mbit = 2}), 1422, 1);
  EXPECT_NEAR(kbit({.value_bytes = 495, .phy_mbit = 2, .encrypted = true}), 1406, 1);
  EXPECT_NEAR(kbit({.value_bytes = 512, .phy_mbit = 2}), 1264, 1);  // a third packet for its last 17 bytes
}

// 7.5 ms hold five exchanges of 1392 us: two and a half values of 495, so five in two events.
TEST(AirBytesPerSecond, CountsOnlyWholeExchangesInAnInterval) {
  EXPECT_NEAR(air_bytes_per_second({.value_bytes = 495, .phy_mbit = 2, .interval_ms = 7.5}), 5 * 495 / 0.015, 500);
  EXPECT_EQ(air_bytes_per_second({.value_bytes = 495, .phy_mbit = 1, .interval_ms = 1}), 0);
}

TEST(AirBytesPerSecond, NearsTheEndlessEventAsTheIntervalGrows) {
  const double endless = air_bytes_per_second({.value_bytes = 495, .phy_mbit = 2});
  const double long_one = air_bytes_per_second({.value_bytes = 495, .phy_mbit = 2, .interval_ms = 1000});
  EXPECT_LE(long_one, endless);
  EXPECT_GT(long_one, endless * 0.99);
}

}  // namespace
}  // namespace roost::host
