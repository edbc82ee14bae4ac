// Store from the last page to the confirmed model: verify, seal, attempt, trial, confirm, reject, roll back, erase.
#include "storage/store.h"

namespace roost {
namespace storage {

// ---- sealing ----

Status Store::verify_step(uint32_t budget_bytes) {
  Transfer& t = transfer_;
  if (!manifest_taken() || !all_closed()) return Error::kWrongState;
  if (!verifying()) {
    t.verified = 0;
    meta_.digest.reset();
  }
  t.phase = Phase::kReceive;  // whatever fails below
  PackageInfo header;
  if (!meta_.read_header(t.slot, header)) return Error::kReadFailed;
  const bool body = t.verified >= header.model_size;
  const uint32_t end = body ? t.payload_size : header.model_size;
  const uint32_t left = end - t.verified;
  const uint32_t count = left < budget_bytes ? left : budget_bytes;
  const Status status = meta_.take(meta_.layout.payload_offset(t.slot) + t.verified, count, nullptr);
  if (!status.ok()) return status;
  t.verified += count;
  if (t.verified == end) {
    const bool same = meta_.digest.finish() == (body ? header.body_sha256 : header.model_sha256);
    if (!same) return Error::kDigestMismatch;
    if (end == t.payload_size) {
      t.phase = Phase::kVerified;
      return status;
    }
    t.verified = header.body_offset;
    meta_.digest.reset();
  }
  t.phase = Phase::kVerify;
  return status;
}

// Seal in the meta, then the record: between the two the model is still half received, and is verified and sealed
// once more when it is offered again.
Status Store::seal() {
  if (transfer_.phase != Phase::kVerified) return Error::kWrongState;
  const uint8_t s = transfer_.slot;
  if (!meta_.seal(s, Meta::Do::kWrite)) return Error::kFlashBusy;
  SlotRecord& slot = keep(s);
  slot.state = SlotState::kPending;
  slot.flags = 0;
  slot.durable_chunks = 0;
  return commit(Phase::kIdle);
}

// ---- trial ----

Status Store::reinstate(uint8_t s) {
  SlotRecord* slot = edit(s, states(SlotState::kRetired));
  if (slot == nullptr || !slot->sound) return Error::kWrongState;
  if (slot_in(kUnconfirmed) != kNoSlot) return Error::kTrialOpen;
  PackageInfo header;
  if (!meta_.read_header(s, header)) return Error::kReadFailed;
  if (header.counter < state_.counter_floor) return Error::kCounterTooLow;
  slot->state = SlotState::kPending;
  slot->attempts_made = 0;
  return commit();
}

Status Store::record_attempt(uint8_t s) {
  SlotRecord* slot = edit(s, kUnconfirmed);
  if (slot == nullptr || !slot->sound) return Error::kWrongState;
  if (slot->attempts_made >= slot->attempts_max) return Error::kAttemptsSpent;
  slot->attempts_made += 1;
  slot->state = SlotState::kPending;
  return commit();
}

Status Store::record_trial(uint8_t s) {
  SlotRecord* slot = edit(s, states(SlotState::kPending));
  if (slot == nullptr || slot->attempts_made == 0) return Error::kWrongState;
  slot->state = SlotState::kTrial;
  return commit();
}

Status Store::confirm(uint8_t s, uint32_t now_ms) {
  SlotRecord* slot = edit(s, states(SlotState::kTrial));
  if (slot == nullptr) return Error::kWrongState;
  PackageInfo header;
  if (!meta_.read_header(s, header)) return Error::kReadFailed;
  // One model to return to: the one confirmed so far, if it is any good.
  const bool old_good = sound_slot_in(states(SlotState::kConfirmed)) != kNoSlot;
  for (SlotRecord& other : state_.slots) {
    if (other.state == SlotState::kRetired && old_good) other.state = SlotState::kUnknown;
    if (other.state == SlotState::kConfirmed) other.state = old_good ? SlotState::kRetired : SlotState::kUnknown;
  }
  slot->state = SlotState::kConfirmed;
  state_.watchdog_run = 0;
  if (header.counter > state_.counter_floor) state_.counter_floor = header.counter;
  const Status status = commit();
  if (status.ok()) settled_ms_ = now_ms;
  return status;
}

Status Store::reject(uint8_t s, uint8_t reason, uint16_t detail) {
  SlotRecord* slot = edit(s, kUnconfirmed | states(SlotState::kConfirmed));
  if (slot == nullptr) return Error::kWrongState;
  if (slot->state == SlotState::kConfirmed) {
    const uint8_t to = sound_slot_in(states(SlotState::kRetired));
    if (to == kNoSlot && !has_builtin_) return Error::kNothingToReturnTo;
    if (to != kNoSlot) state_.slots[to].state = SlotState::kConfirmed;
  }
  reject_slot(state_, *slot, reason, detail);
  return commit();
}

// ---- erase all ----

Status Store::erase_all(uint32_t now_ms) {
  if (transfer_.phase == Phase::kClear) return Error::kBusy;
  if (held_slot_ != kNoSlot) return Error::kInUse;
  if (slot_in(kUnconfirmed) != kNoSlot) return Error::kTrialOpen;
  const Layout& layout = meta_.layout;
  if (erase_budget(now_ms) < static_cast<uint32_t>(layout.slot_count) * layout.slot_blocks)
    return Error::kEraseBudget;
  (void)keep(0);
  bool any = false;
  for (SlotRecord* slot = state_.slots; slot != state_.slots + layout.slot_count; ++slot) {
    if (slot->state == SlotState::kErased) continue;
    empty(*slot, kReasonErased);
    any = true;
  }
  return any ? commit(Phase::kIdle) : Status();
}

}  // namespace storage
}  // namespace roost
