// The boot decision: a pure function of what the journal says and of what the metas read.
// Its table, row by row, is in LAYOUT.md and in tests/storage/boot_test.cc.
#pragma once

#include <stdint.h>

#include "storage/state.h"

namespace roost {
namespace storage {

enum class ResetCause : uint8_t {
  kOther,     // power, pin, software: anything that is no sign of a hang
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
  uint8_t slot = kNoSlot;           // kRun, kAttempt
  uint8_t fallback_slot = kNoSlot;  // what to run if `slot` does not pass the gate; kNoSlot: the built-in or none
};

struct BootInput {
  uint8_t slot_count;
  bool has_builtin;
  uint8_t watchdog_run_max;
  ResetCause cause;
  bool sound[kSlotCountMax];  // header and seal read well and agree with the record
};

// What to do with the state as it stands. When the newest unconfirmed model has no attempts left, or a slot that
// should run is not sound, `repair` says what to record first; the choice is what holds after that.
struct BootDecision {
  BootChoice choice;
  bool repair = false;  // `state` was changed and must be recorded before acting
};

// `state` is brought up to date (watchdog run, attempts spent, damaged slots) in place.
BootDecision decide_boot(const BootInput& input, State& state);

}  // namespace storage
}  // namespace roost
