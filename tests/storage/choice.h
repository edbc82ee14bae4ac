// The boot table of LAYOUT.md as one value: what whoever asks the store makes of its answers.
#pragma once

#include "storage/store.h"

namespace roost {
namespace storage {

enum class BootAction : uint8_t { kNone, kBuiltIn, kRun, kAttempt, kSafeMode };

struct BootChoice {
  BootAction action = BootAction::kNone;
  uint8_t slot = kNoSlot;           // kRun, kAttempt
  uint8_t fallback_slot = kNoSlot;  // what to run first where `slot` does not do
};

// Rows 4 to 8.
inline BootChoice choose(uint8_t to_attempt, uint8_t confirmed, uint8_t retired, bool has_builtin) {
  const uint8_t known = confirmed != kNoSlot ? confirmed : retired;
  if (to_attempt != kNoSlot) return {BootAction::kAttempt, to_attempt, known};
  if (known != kNoSlot) return {BootAction::kRun, known, known == confirmed ? retired : kNoSlot};
  return {has_builtin ? BootAction::kBuiltIn : BootAction::kNone, kNoSlot, kNoSlot};
}

// What runs or should by the present state, without a reset.
inline BootChoice choice_of(const Store& store) {
  return choose(store.slot_to_attempt(), store.slot_to_run(0), store.slot_to_run(1), store.has_builtin());
}

inline BootChoice boot(Store& store, ResetCause cause) {
  return store.boot(cause) ? choice_of(store) : BootChoice{BootAction::kSafeMode, kNoSlot, kNoSlot};
}

}  // namespace storage
}  // namespace roost
