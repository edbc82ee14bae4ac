// The boot decision: a pure function of what the journal says and of what the metas read.
// Its table, row by row, is in LAYOUT.md and in tests/storage/boot_test.cc.
#pragma once

#include <stdint.h>

#include "storage/state.h"

namespace roost {
namespace storage {

enum class ResetCause : uint8_t {
  kOther,  // power, pin, software: anything that is no sign of a hang
  kWatchdog,
};

enum class BootAction : uint8_t {
  kNone,      // nothing to run: wait for a first model
  kBuiltIn,   // run the model the firmware carries
  kRun,       // run `slot`
  kAttempt,   // record_attempt(slot), then prepare it; it is not confirmed. If it fails: reject, run the fallback
  kSafeMode,  // invoke nothing: the last resets were all by watchdog; stay reachable
};

struct BootChoice {
  BootAction action = BootAction::kNone;
  uint8_t slot = kNoSlot;  // kRun, kAttempt
  uint8_t fallback_slot =
      kNoSlot;  // what to run first if `slot` does not pass the gate; kNoSlot: the built-in or none
};

struct BootInput {
  bool has_builtin;
  uint8_t watchdog_run_max;
  ResetCause cause;
  uint8_t sound;  // bit s: header and seal of slot s read well and agree with the record
};

struct BootDecision {
  BootChoice choice;
  bool repair = false;  // `state` was changed and has to be recorded before anything irreversible is done
};

// Brings `state` up to date in place (watchdog run, attempts spent) and says what to run then. A slot that is not
// sound is passed over, and its record left as it is: should it read well again another time, nothing is lost.
BootDecision decide_boot(BootInput input, State& state);

// What is known to run, in the order it is tried: the confirmed model, then the retired one, of those that are sound (bit
// s: slot s). kNoSlot behind the last: the built-in one, or none.
uint8_t slot_to_run(const State& state, uint8_t sound, uint8_t turn);

// Marks the slot rejected, and its package as one to be refused unless forced.
void reject_slot(State& state, uint8_t slot, uint8_t reason, uint16_t detail);

}  // namespace storage
}  // namespace roost
