// The boot table of LAYOUT.md, row by row, and then every combination of two slots against its promises.
#include "storage/boot.h"

#include <gtest/gtest.h>

#include "tests/storage/choice.h"

namespace roost {
namespace storage {
namespace {

struct BootInput {
  bool has_builtin;
  uint8_t watchdog_run_max;
  ResetCause cause;
  uint8_t sound;
};

struct BootDecision {
  BootChoice choice;
  bool repair;
};

// The whole table, as Store::boot() and whoever asks it go through it.
BootDecision decide_boot(BootInput input, State& state) {
  BootDecision decision = {};
  decision.repair = count_reset(state, input.cause, input.watchdog_run_max);
  if (input.cause == ResetCause::kWatchdog && state.watchdog_run >= input.watchdog_run_max) {
    decision.choice.action = BootAction::kSafeMode;
  } else {
    for (uint8_t s = 0; s < kSlotCountMax; ++s) state.slots[s].sound = (input.sound >> s & 1) != 0;
    decision.choice = choose(newest_slot(state, kToAttempt, 0, true), newest_slot(state, kToRunFirst, 0, true),
                             newest_slot(state, kToRunNext, 0, true), input.has_builtin);
  }
  return decision;
}

BootInput input_of(ResetCause cause = ResetCause::kOther) {
  BootInput input = {};
  input.watchdog_run_max = 3;
  input.cause = cause;
  input.sound = 3;
  return input;
}

State state_of(SlotState a, SlotState b) {
  State state = {};
  state.slots[0].state = a;
  state.slots[1].state = b;
  for (uint8_t s = 0; s < 2; ++s) {
    state.slots[s].generation = s + 1u;
    state.slots[s].package_id = 100u + s;
    state.slots[s].attempts_max = 3;
  }
  return state;
}

void expect_choice(const BootChoice& choice, BootAction action, uint8_t slot, uint8_t fallback) {
  EXPECT_EQ(choice.action, action);
  EXPECT_EQ(choice.slot, slot);
  EXPECT_EQ(choice.fallback_slot, fallback);
}

TEST(Boot, Row0CountsResetsByWatchdogUpToTheMaximum) {
  State state = state_of(SlotState::kConfirmed, SlotState::kUnknown);
  for (int i = 1; i <= 5; ++i) {
    const BootDecision decision = decide_boot(input_of(ResetCause::kWatchdog), state);
    EXPECT_EQ(state.watchdog_run, i < 3 ? i : 3);
    EXPECT_EQ(decision.repair, i <= 3);
  }
}

TEST(Boot, Row1RejectsAModelWithoutAttempts) {
  for (const SlotState unconfirmed : {SlotState::kPending, SlotState::kTrial}) {
    State state = state_of(SlotState::kConfirmed, unconfirmed);
    state.slots[1].attempts_made = 3;
    state.watchdog_run = 2;
    const BootDecision decision = decide_boot(input_of(ResetCause::kWatchdog), state);
    EXPECT_TRUE(decision.repair);
    expect_choice(decision.choice, BootAction::kRun, 0, kNoSlot);
    EXPECT_EQ(state.slots[1].state, SlotState::kRejected);
    EXPECT_EQ(state.slots[1].reason, kReasonAttemptsSpent);
    EXPECT_EQ(state.rejected_ids[0], 101u);
    EXPECT_EQ(state.watchdog_run, 0);
  }
}

TEST(Boot, Row2RejectsATrialThatHangs) {
  State state = state_of(SlotState::kConfirmed, SlotState::kTrial);
  state.slots[1].attempts_max = 10;
  state.slots[1].attempts_made = 1;
  state.watchdog_run = 2;
  expect_choice(decide_boot(input_of(ResetCause::kWatchdog), state).choice, BootAction::kRun, 0, kNoSlot);
  EXPECT_EQ(state.slots[1].reason, kReasonHangs);
}

TEST(Boot, Row3IsSafeModeOnlyAfterARunOfWatchdogResets) {
  State state = state_of(SlotState::kConfirmed, SlotState::kRetired);
  state.watchdog_run = 2;
  State other = state;
  expect_choice(decide_boot(input_of(ResetCause::kWatchdog), state).choice, BootAction::kSafeMode, kNoSlot,
                kNoSlot);
  expect_choice(decide_boot(input_of(ResetCause::kOther), other).choice, BootAction::kRun, 0, 1);
  // Out of safe mode by any other reset.
  expect_choice(decide_boot(input_of(ResetCause::kOther), state).choice, BootAction::kRun, 0, 1);
}

TEST(Boot, Row4AttemptsWithTheOldModelToReturnTo) {
  State state = state_of(SlotState::kConfirmed, SlotState::kPending);
  const BootDecision decision = decide_boot(input_of(), state);
  EXPECT_FALSE(decision.repair);
  expect_choice(decision.choice, BootAction::kAttempt, 1, 0);
  State alone = state_of(SlotState::kUnknown, SlotState::kTrial);
  expect_choice(decide_boot(input_of(), alone).choice, BootAction::kAttempt, 1, kNoSlot);
}

TEST(Boot, Row5RunsTheConfirmedModel) {
  State state = state_of(SlotState::kRetired, SlotState::kConfirmed);
  expect_choice(decide_boot(input_of(), state).choice, BootAction::kRun, 1, 0);
}

TEST(Boot, Row6RunsTheRetiredModelWhereTheConfirmedOneIsNotSound) {
  State state = state_of(SlotState::kRetired, SlotState::kConfirmed);
  BootInput input = input_of();
  input.sound = 1;
  const BootDecision decision = decide_boot(input, state);
  expect_choice(decision.choice, BootAction::kRun, 0, kNoSlot);
  EXPECT_FALSE(decision.repair) << "it may read well again another time";
}

TEST(Boot, Row7And8) {
  for (const SlotState s : {SlotState::kUnknown, SlotState::kClearing, SlotState::kErased, SlotState::kReceiving,
                            SlotState::kRejected}) {
    State state = state_of(s, s);
    BootInput input = input_of();
    expect_choice(decide_boot(input, state).choice, BootAction::kNone, kNoSlot, kNoSlot);
    input.has_builtin = true;
    expect_choice(decide_boot(input, state).choice, BootAction::kBuiltIn, kNoSlot, kNoSlot);
  }
}

TEST(Boot, NeverRunsWhatIsNotSoundNorMissesWhatIs) {
  const auto is_model = [](SlotState s) {
    return is_in(s, kUnconfirmed | states(SlotState::kConfirmed) | states(SlotState::kRetired));
  };
  for (int a = 0; a <= 8; ++a) {
    for (int b = 0; b <= 8; ++b) {
      for (int sound = 0; sound < 4; ++sound) {
        State state = state_of(static_cast<SlotState>(a), static_cast<SlotState>(b));
        BootInput input = input_of();
        input.sound = static_cast<uint8_t>(sound);
        const BootChoice choice = decide_boot(input, state).choice;
        bool any = false;
        for (uint8_t s = 0; s < 2; ++s) any = any || ((input.sound >> s & 1) && is_model(state.slots[s].state));
        EXPECT_EQ(any, choice.slot != kNoSlot) << a << " " << b << " " << sound;
        for (uint8_t slot : {choice.slot, choice.fallback_slot}) {
          if (slot == kNoSlot) continue;
          EXPECT_TRUE((input.sound >> slot & 1) && is_model(state.slots[slot].state));
        }
      }
    }
  }
}

}  // namespace
}  // namespace storage
}  // namespace roost
