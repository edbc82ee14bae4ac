// Proves the table in model_host.h, every state against every command, and that no failure at any step leaves the
// host without a model it had before. Engines are fakes that do what the "model" says and check that they are used
// by the contract: one arena piece each, never overlapping, scratch there when needed.
#include "runtime/model_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tests/runtime/model_builder.h"

namespace roost::runtime::testing {
namespace {

using State = ModelHost::State;

// A fake model's bytes: what it needs and where it fails.
struct FakeModel {
  uint8_t arena_sixteenths = 4;  // in units of 16 bytes
  uint8_t operators = 2;
  uint8_t answer = 0;  // its output is input + answer
  uint8_t fails_measure = 0;
  uint8_t fails_prepare = 0;
  uint8_t fails_step = 0;
};

class FakeEngine final : public Engine {
 public:
  Status judge(const Bytes& model, const MutableBytes& scratch, Judgement* judgement) override {
    EXPECT_FALSE(scratch.empty());
    if (read(model).fails_measure) return remember(Error::kOperatorMissing);
    *judgement = Judgement();
    judgement->arena_bytes = 16u * read(model).arena_sixteenths;
    return Status();
  }

  Status prepare(const Bytes& model, const MutableBytes& arena, const MutableBytes& scratch) override {
    release();
    EXPECT_FALSE(scratch.empty());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.data()) % 16, 0u);
    EXPECT_EQ(arena.size(), 16u * read(model).arena_sixteenths);
    if (other_ && other_->prepared_) {
      const bool apart = arena.end() <= other_->arena_.begin() || other_->arena_.end() <= arena.begin();
      EXPECT_TRUE(apart);
    }
    if (read(model).fails_prepare && prepares_left_ == 0) return remember(Error::kOperandShape);
    if (prepares_left_ > 0) --prepares_left_;
    model_ = read(model);
    arena_ = arena;
    prepared_ = true;
    return reset();
  }

  Result<Progress> step() override {
    EXPECT_TRUE(prepared_);
    if (model_.fails_step) return remember(Error::kInvokeFailed);
    if (++step_ < model_.operators) return Progress::kMore;
    step_ = 0;
    state_ = static_cast<uint8_t>(state_ + 1);
    arena_.data()[1] = static_cast<uint8_t>(arena_.data()[0] + model_.answer);
    return Progress::kFinished;
  }

  Status reset() override {
    step_ = state_ = 0;
    ++resets_;
    return Status();
  }
  void release() override {
    prepared_ = false;
    arena_ = MutableBytes();
  }
  IoTensor tensor(Io which, uint32_t index) const override {
    IoTensor io;
    if (prepared_ && index == 0) io.bytes = arena_.subspan(which == Io::kInput ? 0 : 1, 1);
    return io;
  }
  uint64_t longest_block() const override { return prepared_ ? model_.operators : 0; }
  const Report& report() const override { return report_; }

  static FakeModel read(Bytes bytes) {
    FakeModel model;
    std::memcpy(&model, bytes.data(), sizeof model);
    return model;
  }
  Error remember(Error error) {
    report_ = Report();
    report_.error = error;
    return error;
  }

  FakeEngine* other_ = nullptr;
  FakeModel model_;
  MutableBytes arena_;
  bool prepared_ = false;
  uint32_t step_ = 0;
  uint8_t state_ = 0;
  uint32_t resets_ = 0;
  uint32_t prepares_left_ = 0;  // prepares that succeed before fails_prepare counts
  Report report_;
};

class OneVector final : public SelfTest {
 public:
  explicit OneVector(std::vector<uint8_t> input, std::vector<uint8_t> expected, float tolerance = 0)
      : input_(input), expected_(expected), tolerance_(tolerance) {}
  bool vector(uint32_t index, Io which, SelfTestVector* vector) const override {
    *vector = {which == Io::kInput ? input_ : expected_, tolerance_};
    return index == 0;
  }

 private:
  std::vector<uint8_t> input_, expected_;
  float tolerance_;
};

class Host : public ::testing::Test {
 protected:
  Host() : host_(a_, b_, MutableBytes(arena_.data(), arena_.size())) {
    a_.other_ = &b_;
    b_.other_ = &a_;
  }

  HostedModel hosted(const FakeModel& model, uint32_t id) {
    models_.push_back(std::vector<uint8_t>(sizeof model));
    std::memcpy(models_.back().data(), &model, sizeof model);
    HostedModel hosted;
    hosted.bytes = models_.back();
    hosted.id = id;
    return hosted;
  }

  // Polls until there is nothing more to do; the events that say something.
  std::vector<HostEvent> settle() {
    std::vector<HostEvent> told;
    for (int i = 0; i < 100; ++i) {
      const HostEvent event = host_.poll(scratch_);
      if (event == HostEvent::kIdle) return told;
      if (event == HostEvent::kWorking) continue;
      told.push_back(event);
      last_ = event;
    }
    ADD_FAILURE() << "poll never settles";
    return told;
  }

  void run_old(uint8_t sixteenths = 4) {
    FakeModel model;
    model.arena_sixteenths = sixteenths;
    model.answer = 1;
    old_ = hosted(model, 1);
    ASSERT_TRUE(host_.run(old_).ok());
    settle();
    ASSERT_EQ(host_.state(), State::kRunning);
  }
  HostedModel candidate(uint8_t sixteenths = 4) {
    FakeModel model;
    model.arena_sixteenths = sixteenths;
    model.answer = 2;
    return hosted(model, 2);
  }

  // What the serving model answers to 10, or -1 when none serves.
  int answer() {
    if (!host_.serving()) return -1;
    host_.input(0).bytes.data()[0] = 10;
    return host_.invoke().ok() ? host_.output(0).bytes.data()[0] : -2;
  }

  FakeEngine a_, b_;
  AlignedBytes arena_{16 * 10};
  std::vector<uint8_t> scratch_ = std::vector<uint8_t>(64);
  std::vector<std::vector<uint8_t>> models_;
  HostedModel old_;
  HostEvent last_;
  ModelHost host_;
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(Host, ServesNothingAtFirst) {
  EXPECT_EQ(host_.state(), State::kEmpty);
  EXPECT_FALSE(host_.serving());
  EXPECT_EQ(host_.invoke().error(), Error::kNoModel);
  EXPECT_EQ(host_.input_count(), 0u);
  EXPECT_TRUE(host_.input(0).bytes.empty());
  EXPECT_EQ(host_.serving_id(), 0u);
  EXPECT_THAT(settle(), IsEmpty());
}

TEST_F(Host, RunsAModelWithoutTrial) {
  run_old();
  EXPECT_EQ(last_, HostEvent::kRunning);
  EXPECT_EQ(answer(), 11);
  EXPECT_EQ(host_.serving_id(), 1u);
}

TEST_F(Host, SaysSoWhenTheOnlyModelFails) {
  FakeModel model;
  model.fails_prepare = 1;
  ASSERT_TRUE(host_.run(hosted(model, 1)).ok());
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kStopped));
  EXPECT_EQ(host_.last_report().error, Error::kOperandShape);
  EXPECT_EQ(host_.state(), State::kEmpty);
  EXPECT_FALSE(host_.holds(models_[0]));
}

TEST_F(Host, MissesNoInferenceWhereBothFit) {
  run_old(4);
  ASSERT_TRUE(host_.try_model(candidate(6)).ok());
  const uint32_t generation = host_.generation();
  while (host_.state() != State::kTrial) {
    EXPECT_EQ(answer(), 11);
    EXPECT_EQ(host_.generation(), generation);
    host_.poll(scratch_);
  }
  EXPECT_NE(host_.generation(), generation);
  EXPECT_EQ(answer(), 12);
}

TEST_F(Host, SwapsInOnePlaceWhereBothDoNotFit) {
  run_old(5);
  ASSERT_TRUE(host_.try_model(candidate(6)).ok());
  bool paused = false;
  while (host_.state() != State::kTrial) {
    const int now = answer();
    EXPECT_TRUE(now == 11 || now == -1) << now;
    paused = paused || now == -1;
    host_.poll(scratch_);
  }
  EXPECT_TRUE(paused);
  EXPECT_EQ(answer(), 12);
}

TEST_F(Host, SwapsBackAndForthManyTimes) {
  run_old(4);
  for (uint8_t round = 0; round < 6; ++round) {
    ASSERT_TRUE(host_.try_model(candidate(round % 2 == 0 ? 6 : 9)).ok());
    EXPECT_THAT(settle(), ElementsAre(HostEvent::kTrial));
    ASSERT_TRUE(host_.confirm().ok());
    EXPECT_EQ(answer(), 12);
    EXPECT_EQ(host_.serving_id(), 2u);
  }
}

// --- Failures of the candidate, at each step, in both ways of swapping ---

struct Failure {
  const char* name;
  FakeModel model;
  Error reason;
};

class HostFailure : public Host, public ::testing::WithParamInterface<std::tuple<uint8_t, int>> {
 protected:
  static Failure failure(int index) {
    FakeModel measure, prepare, step, wrong, large;
    measure.fails_measure = prepare.fails_prepare = step.fails_step = 1;
    wrong.answer = 99;
    large.arena_sixteenths = 11;
    const Failure failures[] = {{"measure", measure, Error::kOperatorMissing},
                                {"prepare", prepare, Error::kOperandShape},
                                {"step", step, Error::kInvokeFailed},
                                {"self-test", wrong, Error::kSelfTestMismatch},
                                {"arena", large, Error::kArenaTooSmall}};
    return failures[index];
  }
};

TEST_P(HostFailure, BringsThePreviousModelBackWithTheReason) {
  run_old(std::get<0>(GetParam()));
  const Failure failure = HostFailure::failure(std::get<1>(GetParam()));
  const OneVector self_test({10}, {10});
  HostedModel bad = hosted(failure.model, 2);
  bad.self_test = &self_test;
  ASSERT_TRUE(host_.try_model(bad).ok());
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kReturned));
  EXPECT_EQ(host_.last_report().error, failure.reason);
  EXPECT_EQ(host_.state(), State::kRunning);
  EXPECT_EQ(host_.serving_id(), 1u);
  EXPECT_EQ(answer(), 11);
  EXPECT_TRUE(host_.holds(old_.bytes));
  EXPECT_FALSE(host_.holds(bad.bytes));
  // And a good one can be tried after it.
  ASSERT_TRUE(host_.try_model(candidate()).ok());
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kTrial));
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, HostFailure,
                         ::testing::Combine(::testing::Values(4, 8), ::testing::Range(0, 5)));

TEST_F(Host, StopsOnlyWhenThePreviousModelFailsToo) {
  FakeModel model;
  model.arena_sixteenths = 8;
  model.fails_prepare = 1;
  a_.prepares_left_ = b_.prepares_left_ = 1;
  ASSERT_TRUE(host_.run(hosted(model, 1)).ok());
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kRunning));
  a_.prepares_left_ = b_.prepares_left_ = 0;
  ASSERT_TRUE(host_.try_model(hosted(model, 2)).ok());
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kStopped));
  EXPECT_EQ(host_.state(), State::kEmpty);
}

// --- Trial ---

class HostTrial : public Host, public ::testing::WithParamInterface<uint8_t> {
 protected:
  void begin(HostedModel model) {
    run_old(GetParam());
    ASSERT_TRUE(host_.try_model(model).ok());
    ASSERT_THAT(settle(), ElementsAre(HostEvent::kTrial));
  }
};

TEST_P(HostTrial, CountsHealthyInferencesAfterTheWarmUp) {
  HostedModel model = candidate();
  model.warm_up_inferences = 2;
  model.healthy_inferences = 3;
  begin(model);
  EXPECT_TRUE(host_.warming_up());
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(answer(), 12);
    EXPECT_FALSE(host_.confirm_due());
  }
  EXPECT_FALSE(host_.warming_up());
  EXPECT_EQ(answer(), 12);
  EXPECT_EQ(host_.healthy_inferences(), 3u);
  EXPECT_TRUE(host_.confirm_due());
  answer();
  EXPECT_TRUE(host_.confirm_due());  // until it is done
  EXPECT_THAT(settle(), IsEmpty());
  EXPECT_EQ(host_.state(), State::kTrial);
  ASSERT_TRUE(host_.confirm().ok());
  EXPECT_FALSE(host_.confirm_due());
  EXPECT_EQ(host_.state(), State::kRunning);
  EXPECT_FALSE(host_.holds(old_.bytes));
}

TEST_P(HostTrial, NeverAsksToConfirmByItselfWhenNotTold) {
  begin(candidate());
  for (int i = 0; i < 50; ++i) answer();
  EXPECT_FALSE(host_.confirm_due());
  EXPECT_THAT(settle(), IsEmpty());
}

TEST_P(HostTrial, ReturnsWhenAskedTo) {
  begin(candidate());
  const uint32_t generation = host_.generation();
  ASSERT_TRUE(host_.return_to_previous().ok());
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kReturned));
  EXPECT_TRUE(host_.last_report().ok());
  EXPECT_EQ(answer(), 11);
  EXPECT_NE(host_.generation(), generation);
}

TEST_P(HostTrial, ReturnsByItselfWhenAnInferenceFails) {
  begin(candidate());
  (a_.model_.answer == 2 ? a_ : b_).model_.fails_step = 1;
  EXPECT_EQ(answer(), -2);
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kReturned));
  EXPECT_EQ(host_.last_report().error, Error::kInvokeFailed);
  EXPECT_EQ(answer(), 11);
}

TEST_P(HostTrial, ForgetsThatConfirmWasDueWhenTheNextInferenceFails) {
  HostedModel model = candidate();
  model.healthy_inferences = 1;
  begin(model);
  answer();
  EXPECT_TRUE(host_.confirm_due());
  (a_.model_.answer == 2 ? a_ : b_).model_.fails_step = 1;
  EXPECT_EQ(answer(), -2);
  EXPECT_FALSE(host_.confirm_due());
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kReturned));
}

TEST_P(HostTrial, StartsWithFreshStateAfterTheSelfTest) {
  const OneVector self_test({10}, {12});
  HostedModel model = candidate();
  model.self_test = &self_test;
  begin(model);
  EXPECT_EQ((a_.model_.answer == 2 ? a_ : b_).state_, 0u);
}

INSTANTIATE_TEST_SUITE_P(BothWays, HostTrial, ::testing::Values(4, 8));

TEST_F(Host, KeepsServingAConfirmedModelThatFailsAnInference) {
  run_old();
  (a_.prepared_ ? a_ : b_).model_.fails_step = 1;
  EXPECT_EQ(answer(), -2);
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kInvokeFailed));
  (a_.prepared_ ? a_ : b_).model_.fails_step = 0;
  EXPECT_EQ(answer(), 11);
}

TEST_F(Host, BlamesNoCandidateForAnInferenceOfTheOldModel) {
  run_old();
  ASSERT_TRUE(host_.try_model(candidate()).ok());
  host_.poll(scratch_);
  (a_.prepared_ ? a_ : b_).model_.fails_step = 1;
  EXPECT_EQ(answer(), -2);
  ASSERT_TRUE(host_.return_to_previous().ok());
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kReturned));
  EXPECT_TRUE(host_.last_report().ok());
}

// --- Self-test ---

TEST_F(Host, ComparesSelfTestsWithinTheirTolerance) {
  run_old();
  for (const float tolerance : {0.0f, 1.0f, 2.0f}) {
    const OneVector two_off({10}, {14}, tolerance);
    HostedModel model = candidate();
    model.self_test = &two_off;
    ASSERT_TRUE(host_.try_model(model).ok());
    settle();
    EXPECT_EQ(last_, tolerance < 2 ? HostEvent::kReturned : HostEvent::kTrial) << tolerance;
  }
}

TEST_F(Host, RefusesSelfTestsThatDoNotFitTheModel) {
  run_old();
  const std::vector<uint8_t> none, one = {10}, two = {10, 12}, right = {12};
  for (const auto& [input, expected] : {std::pair(none, right), std::pair(two, right), std::pair(one, none),
                                        std::pair(one, std::vector<uint8_t>{12, 12})}) {
    const OneVector self_test(input, expected);
    HostedModel model = candidate();
    model.self_test = &self_test;
    ASSERT_TRUE(host_.try_model(model).ok());
    EXPECT_THAT(settle(), ElementsAre(HostEvent::kReturned));
    EXPECT_EQ(host_.last_report().error, Error::kSelfTestInvalid);
    EXPECT_EQ(host_.last_report().tensor, 0);  // the vector
  }
}

TEST_F(Host, TakesOneOperatorOfASelfTestPerPoll) {
  run_old();
  const OneVector self_test({10}, {12});
  FakeModel model;
  model.operators = 20;
  model.answer = 2;
  HostedModel slow = hosted(model, 2);
  slow.self_test = &self_test;
  ASSERT_TRUE(host_.try_model(slow).ok());
  int polls = 0;
  while (host_.state() != State::kTrial) {
    host_.poll(scratch_);
    ++polls;
    EXPECT_EQ(host_.state() == State::kTrial ? 12 : 11, answer());
  }
  EXPECT_GE(polls, 20);
}

// --- Scratch ---

TEST_F(Host, WaitsForScratchWhereItNeedsSome) {
  run_old(8);
  ASSERT_TRUE(host_.try_model(candidate(8)).ok());
  std::vector<State> waited;
  while (host_.state() != State::kTrial) {
    const State before = host_.state();
    if (host_.poll(MutableBytes()) == HostEvent::kNeedScratch) {
      EXPECT_EQ(host_.state(), before);
      waited.push_back(before);
      host_.poll(scratch_);
    }
  }
  EXPECT_THAT(waited, ElementsAre(State::kMeasuring, State::kPreparing));
  ASSERT_TRUE(host_.return_to_previous().ok());
  EXPECT_EQ(host_.poll(MutableBytes()), HostEvent::kNeedScratch);
  EXPECT_THAT(settle(), ElementsAre(HostEvent::kReturned));
}

// --- Every state against every command ---

const char* const kCommands[] = {"run", "try", "return", "confirm", "stop"};

class HostMatrix : public Host {
 protected:
  Status command(const std::string& name) {
    if (name == "run") return host_.run(candidate());
    if (name == "try") return host_.try_model(candidate());
    if (name == "return") return host_.return_to_previous();
    if (name == "confirm") return host_.confirm();
    return host_.stop();
  }

  // A fresh fixture in that state, on the way to a model that fits beside the old one or not.
  void reach(State wanted, bool alone) {
    if (wanted == State::kEmpty) return;
    run_old(alone ? 8 : 4);
    if (wanted == State::kRunning) return;
    ASSERT_TRUE(host_.try_model(candidate(alone ? 8 : 4)).ok());
    if (wanted == State::kRestoring) {
      ASSERT_TRUE(host_.return_to_previous().ok());
    }
    for (int i = 0; i < 10 && host_.state() != wanted; ++i) host_.poll(scratch_);
    ASSERT_EQ(host_.state(), wanted);
  }
};

class HostMatrixOf : public HostMatrix, public ::testing::WithParamInterface<std::tuple<int, int, bool>> {};

TEST_P(HostMatrixOf, FollowsTheTable) {
  static const std::map<State, std::map<std::string, State>> kTable = {
      {State::kEmpty, {{"run", State::kMeasuring}, {"try", State::kMeasuring}, {"stop", State::kEmpty}}},
      {State::kRunning, {{"try", State::kMeasuring}, {"stop", State::kEmpty}}},
      {State::kMeasuring, {{"return", State::kRestoring}, {"stop", State::kEmpty}}},
      {State::kPreparing, {{"return", State::kRestoring}, {"stop", State::kEmpty}}},
      {State::kTesting, {{"return", State::kRestoring}, {"stop", State::kEmpty}}},
      {State::kTrial, {{"return", State::kRestoring}, {"confirm", State::kRunning}, {"stop", State::kEmpty}}},
      {State::kRestoring, {{"stop", State::kEmpty}}},
  };
  const State state = static_cast<State>(std::get<0>(GetParam()));
  const std::string name = kCommands[std::get<1>(GetParam())];
  ASSERT_NO_FATAL_FAILURE(reach(state, std::get<2>(GetParam())));
  const auto& row = kTable.at(state);
  const bool served = host_.serving();
  const uint32_t generation = host_.generation();
  const Status status = command(name);
  if (row.count(name)) {
    EXPECT_TRUE(status.ok());
    EXPECT_EQ(host_.state(), row.at(name));
  } else {
    EXPECT_EQ(status.error(), Error::kBusy);
    EXPECT_EQ(host_.state(), state);
    EXPECT_EQ(host_.serving(), served);
    EXPECT_EQ(host_.generation(), generation);
  }
  // From anywhere it settles, and unless it was stopped or never had one, a model serves.
  settle();
  const bool none = name == "stop" || (state == State::kEmpty && name != "run" && name != "try");
  EXPECT_EQ(host_.serving(), !none);
  if (name == "stop") {
    EXPECT_FALSE(a_.prepared_ || b_.prepared_);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryStateAndCommand, HostMatrixOf,
                         ::testing::Combine(::testing::Range(0, 7), ::testing::Range(0, 5), ::testing::Bool()));

TEST_F(Host, UsesAnArenaOfAnyAlignment) {
  for (size_t skip = 0; skip < 16; ++skip) {
    FakeEngine a, b;
    a.other_ = &b;
    b.other_ = &a;
    ModelHost host(a, b, MutableBytes(arena_.data() + skip, arena_.size() - skip));
    ASSERT_TRUE(host.run(candidate()).ok());
    for (int i = 0; i < 10; ++i) host.poll(scratch_);
    EXPECT_EQ(host.state(), State::kRunning);
  }
}

}  // namespace
}  // namespace roost::runtime::testing
