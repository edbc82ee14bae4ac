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

// Row 4: what is to be attempted before anything else, if it is sound (bit s: slot s), or kNoSlot. A slot that is not
// is passed over, and its record left as it is: should it read well again another time, nothing is lost.
inline uint8_t slot_to_attempt(const State& state, uint8_t sound) {
  return newest_slot(state, kUnconfirmed, sound);
}

// Rows 5 and 6: what is known to run, in the order it is tried: the confirmed model, then the retired one, of those that
// are sound. kNoSlot behind the last: rows 7 and 8, the built-in one, or none.
uint8_t slot_to_run(const State& state, uint8_t sound, uint8_t turn);

// Marks the slot rejected, and its package as one to be refused unless forced.
void reject_slot(State& state, SlotRecord& slot, uint8_t reason, uint16_t detail);

}  // namespace storage
}  // namespace roost
