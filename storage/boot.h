// The boot decision: pure functions of what the journal says and of what the metas read.
// Their table, row by row, is in LAYOUT.md and in tests/storage/boot_test.cc.
#pragma once

#include <stdint.h>

#include "storage/state.h"

namespace roost {
namespace storage {

enum class ResetCause : uint8_t {
  kOther,  // power, pin, software: anything that is no sign of a hang
  kWatchdog,
};

// The table's rows 0 to 2: brings `state` up to date (watchdog run, models whose attempts are spent or that hang). True
// where it was changed and has to be recorded before anything irreversible is done.
bool count_reset(State& state, ResetCause cause, uint8_t watchdog_run_max);

// Rows 4 to 6 are questions by turns: what is to be attempted before anything else; then what is known to run, the
// confirmed model and the retired one. Each asks for the newest slot in these states that is sound. One that is not is
// passed over, and its record left as it is: should it read well again another time, nothing is lost. Rows 7 and 8,
// behind them, are the caller's: the built-in model, or none.
constexpr SlotStates kToAttempt = kUnconfirmed;
constexpr SlotStates kToRunFirst = states(SlotState::kConfirmed);
constexpr SlotStates kToRunNext = states(SlotState::kRetired);

// Marks the slot rejected, and its package as one to be refused unless forced.
void reject_slot(State& state, SlotRecord& slot, uint8_t reason, uint16_t detail);

}  // namespace storage
}  // namespace roost
