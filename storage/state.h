// What the journal keeps: the state of every slot and a few totals. One journal record is one whole State, so
// the newest record that reads valid is all there is to know (LAYOUT.md, decision 1).
#pragma once

#include <stdint.h>

#include "base/span.h"

namespace roost {
namespace storage {

constexpr uint8_t kSlotCountMax = 3;
constexpr uint8_t kNoSlot = 0xFF;

// Fixed numbers: they stand in flash.
enum class SlotState : uint8_t {
  kUnknown = 0,    // nothing of use in it, and not known to be erased
  kClearing = 1,   // being erased, or its meta being written: content undefined
  kErased = 2,     // erased throughout, and nothing programmed since
  kReceiving = 3,  // a package is arriving; what is durable stays durable
  kPending = 4,    // sealed: whole, verified, not yet confirmed, not on trial now
  kTrial = 5,      // sealed, and the runtime took it
  kConfirmed = 6,  // the model to run
  kRetired = 7,    // the model that was confirmed before: what to return to
  kRejected = 8,   // sealed once, then refused (reason, detail): never run again
};

// Some of them.
using SlotStates = uint16_t;
constexpr SlotStates states(SlotState state) {
  return static_cast<SlotStates>(1u << static_cast<uint8_t>(state));
}
constexpr SlotStates kUnconfirmed = states(SlotState::kPending) | states(SlotState::kTrial);
constexpr SlotStates kSealedStates =
    kUnconfirmed | states(SlotState::kConfirmed) | states(SlotState::kRetired) | states(SlotState::kRejected);
constexpr bool is_in(SlotState state, SlotStates set) {
  return (set >> static_cast<uint8_t>(state) & 1) != 0;
}

// Why a slot is kUnknown or kRejected. 0 to 15 are storage's own, the rest is the caller's to number.
enum Reason : uint8_t {
  kReasonNone = 0,
  kReasonAttemptsSpent = 1,  // boot(): it had all its attempts and was never confirmed
  kReasonDisplaced = 2,      // open(): half received and idle, or pending and forced out, by another package
  kReasonErased = 3,         // erase_all(): on its way to kErased, and goes on being erased after a reset
  kReasonHangs = 4,          // boot(): a run of resets by watchdog while it was on trial
  kReasonCallerFirst = 16,
};

enum SlotFlag : uint8_t {
  kSlotClean = 1,  // kReceiving: the slot was erased throughout before the package was opened
};

// Zeros throughout: nothing is known.
struct SlotRecord {
  SlotState state;
  uint8_t reason;
  uint8_t attempts_made;
  uint8_t attempts_max;
  uint16_t detail;
  uint8_t flags;        // of SlotFlag
  bool sound;           // not on record: its meta read well when it came into a state that wants one, or at mount
  uint32_t generation;  // of what the slot holds: each open draws the next
  uint32_t package_id;
  uint32_t durable_chunks;  // kReceiving: from the first on, whole erase blocks of them
  // What outlives the slot's content stands last.
  uint32_t wear_max;    // no block of the slot was erased more often than this
  uint32_t wear_total;  // erases of all its blocks together, counted before they are done
  uint32_t not_used;    // 32 bytes in all: one is found by a shift
};

constexpr uint8_t kRejectedIdCount = 4;

// Zeros throughout, but for the budget, before there is a record: `State state = {};`.
struct State {
  uint32_t generation;    // the last one drawn
  uint32_t erase_budget;  // blocks
  uint64_t counter_floor;
  uint8_t watchdog_run;   // resets by watchdog since the last sign of health
  uint8_t rejected_next;  // ring index
  uint32_t rejected_ids[kRejectedIdCount];
  SlotRecord slots[kSlotCountMax];
};

// The newest of the slots in one of these states, or kNoSlot: of those that hold that package (0: any), and, if asked
// for, of the sound ones alone.
uint8_t newest_slot(const State& state, SlotStates states, uint32_t package_id = 0, bool sound = false);

// Of an encoded state: as many slots as there may be, whatever the layout has.
constexpr uint32_t kStateBytes = 36 + 28 * kSlotCountMax;

void encode_state(const State& state, uint8_t* out);
// A slot that the layout does not have, or whose state is out of range, is taken for one that nothing is known of.
void decode_state(const uint8_t* bytes, uint8_t slot_count, State& out);

}  // namespace storage
}  // namespace roost
