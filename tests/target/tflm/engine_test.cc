// Proves our half of the TFLM adapter: what it refuses before TFLM is asked, how each failure of TFLM comes out, that
// nothing is kept after one, and that ModelHost swaps and rolls back over it. TFLM's half is a fake that fails when
// told to.
#include <gtest/gtest.h>

#include "device/ports/tflm/tflm_engine.h"
#include "runtime/kernels/all.h"
#include "runtime/model_host.h"
#include "tests/target/tflm/aligned.h"
#include "tests/target/tflm/fake_session.h"

namespace roost::target_test {
namespace {

using runtime::Error;
using runtime::HostedModel;
using runtime::HostEvent;
using tflm::FakeTflm;
using tflm::TflmEngine;

constexpr int32_t kSoftmax = 25;

// Never looked into: the fake session is asked, not the resolver.
const tflite::MicroOpResolver& no_resolver() {
  alignas(16) static const uint8_t place[16] = {};
  return reinterpret_cast<const tflite::MicroOpResolver&>(place);
}

class TflmEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    FakeTflm::instance() = FakeTflm();
    ASSERT_GT(v1.bytes().size(), 0u);
  }
  void TearDown() override {
    a.release();
    b.release();
    EXPECT_EQ(fake.open_now(), 0);
  }
  static runtime::GateInput gate() {
    runtime::GateInput gate;
    gate.kernels = runtime::integer_kernels();
    return gate;
  }
  Error prepare(TflmEngine& engine) { return engine.prepare(v1.bytes(), arena.bytes(), scratch.bytes()).error(); }

  FakeTflm& fake = FakeTflm::instance();
  Aligned v1{read_file(ROOST_OWN_MODELS "/gesture_v1.tflite")},
      v2{read_file(ROOST_OWN_MODELS "/gesture_v1.tflite")};  // the same model in another place
  Aligned arena{64 * 1024}, scratch{4096};
  TflmEngine a{gate(), no_resolver()}, b{gate(), no_resolver()};
};

TEST_F(TflmEngineTest, MeasuresWithTflmsBoundAndTheWholeInferenceAsOneBlock) {
  const auto judgement = a.measure(v1.bytes(), scratch.bytes());
  ASSERT_TRUE(judgement.ok());
  EXPECT_GE(judgement.value().arena_bytes, sizeof(uint8_t[8192]));
  EXPECT_EQ(judgement.value().arena_bytes % 16, 0u);
  EXPECT_EQ(judgement.value().longest_work, judgement.value().work);
  EXPECT_EQ(fake.opened, 0);
  ASSERT_EQ(prepare(a), Error::kNone);
  EXPECT_EQ(a.longest_block(), judgement.value().work);
  EXPECT_EQ(fake.memory_bytes, judgement.value().arena_bytes) << "TFLM gets what was measured, not all there is";
}

TEST_F(TflmEngineTest, ShowsTflmNoModelThatTheGateRefuses) {
  Aligned broken(read_file(ROOST_OWN_MODELS "/gesture_v1.tflite"));
  broken.bytes()[4] = 'X';
  EXPECT_EQ(a.prepare(broken.bytes(), arena.bytes(), scratch.bytes()).error(), Error::kNotAModel);
  runtime::GateInput none;
  TflmEngine poor(none, no_resolver());
  EXPECT_EQ(prepare(poor), Error::kOperatorMissing);
  fake.unsound = true;
  EXPECT_EQ(prepare(a), Error::kMalformed);
  EXPECT_EQ(fake.opened, 0);
}

TEST_F(TflmEngineTest, NamesTheOperatorThatTheResolverLacks) {
  fake.missing_operator = kSoftmax;
  EXPECT_EQ(a.measure(v1.bytes(), scratch.bytes()).error(), Error::kOperatorMissing);
  EXPECT_EQ(static_cast<int32_t>(a.report().op), kSoftmax);
  EXPECT_GE(a.report().op_index, 0);
  EXPECT_EQ(prepare(a), Error::kOperatorMissing);
  EXPECT_EQ(fake.opened, 0);
}

TEST_F(TflmEngineTest, RefusesAnArenaBelowTheBoundWithoutAskingTflm) {
  const uint32_t need = a.measure(v1.bytes(), scratch.bytes()).value().arena_bytes;
  EXPECT_EQ(a.prepare(v1.bytes(), arena.bytes().first(need - 16), scratch.bytes()).error(), Error::kArenaTooSmall);
  EXPECT_EQ(a.prepare(v1.bytes(), MutableBytes(), scratch.bytes()).error(), Error::kArenaTooSmall);
  EXPECT_EQ(fake.opened, 0);
  EXPECT_TRUE(a.prepare(v1.bytes(), arena.bytes().first(need), scratch.bytes()).ok());

  runtime::GateInput limited = gate();
  limited.limits.arena_bytes = need - 1;
  TflmEngine small(limited, no_resolver());
  EXPECT_EQ(small.measure(v1.bytes(), scratch.bytes()).error(), Error::kArenaTooSmall);
  TflmEngine greedy(gate(), no_resolver(), 1000);
  EXPECT_EQ(greedy.measure(v1.bytes(), scratch.bytes()).value().arena_bytes, (need + 1000 + 15) / 16 * 16);
  TflmEngine absurd(gate(), no_resolver(), UINT32_MAX);
  EXPECT_EQ(absurd.measure(v1.bytes(), scratch.bytes()).error(), Error::kArenaTooSmall);
}

TEST_F(TflmEngineTest, HoldsNothingWhenTflmCannotAllocate) {
  fake.allocate_fails = true;
  EXPECT_EQ(prepare(a), Error::kEngineRefused);
  EXPECT_EQ(a.report().error, Error::kEngineRefused);
  EXPECT_EQ(a.input_count(), 0u);
  EXPECT_EQ(a.invoke().error(), Error::kNotPrepared);
  fake.allocate_fails = false;
  EXPECT_EQ(prepare(a), Error::kNone);
}

TEST_F(TflmEngineTest, HoldsNothingWhenTflmsTensorsAreNotTheFiles) {
  fake.output_bytes = 4;
  EXPECT_EQ(prepare(a), Error::kEngineRefused);
  EXPECT_EQ(fake.open_now(), 0);
  fake.output_bytes = 3;
  fake.input_nowhere = true;
  EXPECT_EQ(prepare(a), Error::kEngineRefused);
  EXPECT_EQ(fake.open_now(), 0);
}

TEST_F(TflmEngineTest, AnswersNotPreparedAndEmptyTensorsBeforePrepareAndAfterRelease) {
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(a.step().error(), Error::kNotPrepared);
    EXPECT_EQ(a.invoke().error(), Error::kNotPrepared);
    EXPECT_EQ(a.reset().error(), Error::kNotPrepared);
    EXPECT_EQ(a.input_count() + a.output_count(), 0u);
    EXPECT_TRUE(a.input(0).bytes.empty() && a.output(0).bytes.empty());
    EXPECT_EQ(a.longest_block() + a.used_bytes(), 0u);
    ASSERT_EQ(prepare(a), Error::kNone);
    a.release();
    a.release();
  }
  EXPECT_EQ(fake.opened, 2);
  EXPECT_EQ(fake.closed, 2);
}

TEST_F(TflmEngineTest, ReleasesTheOldModelWhenAnotherIsPrepared) {
  ASSERT_EQ(prepare(a), Error::kNone);
  ASSERT_TRUE(a.prepare(v2.bytes(), arena.bytes(), scratch.bytes()).ok());
  EXPECT_EQ(fake.open_now(), 1);
  v2.bytes()[4] = 'X';
  EXPECT_FALSE(a.prepare(v2.bytes(), arena.bytes(), scratch.bytes()).ok());
  EXPECT_EQ(fake.open_now(), 0) << "an engine that failed to prepare holds nothing";
}

TEST_F(TflmEngineTest, DescribesTensorsAsTheFileDoes) {
  ASSERT_EQ(prepare(a), Error::kNone);
  ASSERT_EQ(a.input_count(), 1u);
  const runtime::IoTensor in = a.input(0), out = a.output(0);
  EXPECT_EQ(in.shape.size(), 4u);
  EXPECT_EQ(in.bytes.size(), 384u);
  EXPECT_EQ(in.scale, 0.015625f);
  EXPECT_EQ(out.bytes.size(), 3u);
  EXPECT_EQ(out.zero_point, -128);
  EXPECT_TRUE(a.input(1).bytes.empty() && a.output(7).bytes.empty());
}

TEST_F(TflmEngineTest, AStepIsAnInferenceAndAFailedOneSaysSo) {
  ASSERT_EQ(prepare(a), Error::kNone);
  const auto progress = a.step();
  ASSERT_TRUE(progress.ok());
  EXPECT_EQ(progress.value(), runtime::Progress::kFinished);
  EXPECT_TRUE(a.invoke().ok());
  EXPECT_EQ(fake.invoked, 2);
  EXPECT_TRUE(a.reset().ok());
  fake.invoke_fails = fake.reset_fails = true;
  EXPECT_EQ(a.invoke().error(), Error::kInvokeFailed);
  EXPECT_EQ(a.report().error, Error::kInvokeFailed);
  EXPECT_EQ(a.reset().error(), Error::kInvokeFailed);
}

HostEvent settle(runtime::ModelHost& host, MutableBytes scratch) {
  for (int i = 0; i < 50; ++i) {
    const HostEvent event = host.poll(scratch);
    if (event != HostEvent::kWorking && event != HostEvent::kIdle) return event;
  }
  return HostEvent::kIdle;
}

HostedModel hosted(Bytes bytes, uint32_t id) {
  HostedModel model;
  model.bytes = bytes;
  model.id = id;
  return model;
}

TEST_F(TflmEngineTest, ModelHostGoesBackWhateverFails) {
  // With room for two plans, and with room for one.
  const uint32_t need = a.measure(v2.bytes(), scratch.bytes()).value().arena_bytes;
  for (const size_t room : {size_t{64} * 1024, size_t{need} + 4096}) {
    runtime::ModelHost host(a, b, arena.bytes().first(room));
    ASSERT_TRUE(host.run(hosted(v1.bytes(), 1)).ok());
    ASSERT_EQ(settle(host, scratch.bytes()), HostEvent::kRunning);

    ASSERT_TRUE(host.try_model(hosted(v2.bytes(), 2)).ok());
    ASSERT_EQ(settle(host, scratch.bytes()), HostEvent::kTrial);
    EXPECT_EQ(host.serving_id(), 2u);
    fake.invoke_fails = true;
    EXPECT_FALSE(host.invoke().ok());
    fake.invoke_fails = false;
    ASSERT_EQ(settle(host, scratch.bytes()), HostEvent::kReturned);
    EXPECT_EQ(host.serving_id(), 1u);
    EXPECT_TRUE(host.invoke().ok());

    ASSERT_TRUE(host.try_model(hosted(v2.bytes(), 2)).ok());
    while (host.state() == runtime::ModelHost::State::kMeasuring) (void)host.poll(scratch.bytes());
    fake.allocate_fails = true;
    (void)host.poll(scratch.bytes());
    fake.allocate_fails = false;
    ASSERT_EQ(settle(host, scratch.bytes()), HostEvent::kReturned);
    EXPECT_EQ(host.last_report().error, Error::kEngineRefused);
    EXPECT_EQ(host.serving_id(), 1u);
    EXPECT_TRUE(host.invoke().ok());
    ASSERT_TRUE(host.stop().ok());
    EXPECT_EQ(fake.open_now(), 0);
  }
}

}  // namespace
}  // namespace roost::target_test
