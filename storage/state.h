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
  uint32_t generation;  // of what the slot holds: each open draws the next
  uint32_t package_id;
  uint32_t durable_chunks;  // kReceiving: from the first on, whole erase blocks of them
  // What outlives the slot's content stands last.
  uint32_t wear_max;    // no block of the slot was erased more often than this
  uint32_t wear_total;  // erases of all its blocks together, counted before they are done
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

// The newest of the slots in one of these states, or kNoSlot. Bit s of `among` says whether slot s counts.
uint8_t newest_slot(const State& state, SlotStates states, uint8_t among = 0xFF);

// Bit s: slot s names that package, whatever its state.
uint8_t slots_naming(const State& state, uint32_t package_id);

// What happened: for whoever reads a dump. The state that follows from it is in the record itself.
enum class Event : uint8_t {
  kFirm = 1,  // nothing new: the tail appended again after a boot
  kClearing,
  kErased,
  kBegan,
  kDurable,
  kResumed,
  kSealed,
  kAttempt,
  kTrial,
  kConfirmed,
  kRejected,
  kAbandoned,
  kRolledBack,
  kWatchdog,
  kHealthy,
  kEraseAll,
  kReinstated,
};

// Bytes of an encoded state, without the record's header and CRC.
constexpr uint32_t state_bytes(uint8_t slot_count) {
  return 36u + 28u * slot_count;
}

void encode_state(const State& state, uint8_t slot_count, uint8_t* out);
// A slot whose state is out of range is taken for one that nothing is known of.
void decode_state(const uint8_t* bytes, uint8_t slot_count, State& out);

}  // namespace storage
}  // namespace roost
