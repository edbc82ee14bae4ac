// The seam between ModelHost and an engine, with an engine that shares nothing with the interpreter: no
// FlatBuffers, no operators, no scratch. What swaps, tries and returns models must not care.
#include <gtest/gtest.h>

#include <array>

#include "runtime/model_host.h"
#include "tests/target/firmware/trivial_engine.h"

namespace roost::target_test {
namespace {

using runtime::HostedModel;
using runtime::HostEvent;
using runtime::ModelHost;

class EngineSeam : public testing::Test {
 protected:
  HostEvent settle() {
    for (int i = 0; i < 50; ++i) {
      const HostEvent event = host.poll(scratch);
      if (event != HostEvent::kWorking && event != HostEvent::kIdle) return event;
    }
    return HostEvent::kIdle;
  }
  uint8_t infer(uint8_t value) {
    host.input(0).bytes[0] = value;
    EXPECT_TRUE(host.invoke().ok());
    return host.output(0).bytes[0];
  }
  static HostedModel model(Bytes bytes) {
    HostedModel hosted;
    hosted.bytes = bytes;
    return hosted;
  }

  TrivialEngine a, b;
  alignas(16) std::array<uint8_t, 64> arena;
  alignas(16) std::array<uint8_t, 64> scratch;
  ModelHost host{a, b, arena};
  const std::array<uint8_t, 4> plus_one = {1}, plus_two = {2}, broken = {0};
};

TEST_F(EngineSeam, RunsAndSwapsModelsThatAreNoFlatBuffers) {
  ASSERT_TRUE(host.run(model(plus_one)).ok());
  ASSERT_EQ(settle(), HostEvent::kRunning);
  EXPECT_EQ(infer(10), 11);
  ASSERT_TRUE(host.try_model(model(plus_two)).ok());
  ASSERT_EQ(settle(), HostEvent::kTrial);
  EXPECT_EQ(infer(10), 12);
  ASSERT_TRUE(host.confirm().ok());
  EXPECT_FALSE(host.holds(plus_one));
}

TEST_F(EngineSeam, ReturnsToTheOldModelWhenTheEngineRefusesTheNew) {
  ASSERT_TRUE(host.run(model(plus_one)).ok());
  ASSERT_EQ(settle(), HostEvent::kRunning);
  ASSERT_TRUE(host.try_model(model(broken)).ok());
  ASSERT_EQ(settle(), HostEvent::kReturned);
  EXPECT_EQ(host.last_report().error, runtime::Error::kNotAModel);
  EXPECT_EQ(infer(10), 11);
}

}  // namespace
}  // namespace roost::target_test
