// Store from the last page to the confirmed model: verify, seal, attempt, trial, confirm, reject, roll back, erase.
#include "storage/store.h"

namespace roost {
namespace storage {

// ---- sealing ----

Status Store::verify_begin(uint8_t slot) {
  if (slot >= config_.slot_count) return Error::kWrongState;
  const bool open = transfer_.phase == Phase::kReceive && slot == transfer_.slot;
  if (open ? transfer_.durable_blocks != transfer_.block_count : !sound_[slot]) return Error::kWrongState;
  if (!open && state_.slots[slot].state == SlotState::kReceiving) return Error::kWrongState;
  verify_ = Verify();
  verify_.slot = slot;
  digest_.reset();
  return Status();
}

Result<bool> Store::verify_step(uint32_t budget_bytes) {
  Verify& v = verify_;
  MetaHeader header;
  if (v.slot == kNoSlot) return Error::kWrongState;
  if (!meta_.read_header(v.slot, header)) return Error::kReadFailed;
  const uint32_t begin = layout_.payload_offset(v.slot) + (v.body ? header.body_offset : 0);
  const uint32_t size = v.body ? header.body_size : header.model_size;
  for (uint32_t done = 0; v.offset < size && done < budget_bytes;) {
    const uint32_t left = size - v.offset;
    const MutableBytes piece = scratch_.first(left < scratch_.size() ? left : scratch_.size());
    const Status status = flash_.read(begin + v.offset, piece);
    if (!status.ok()) return status.error();
    digest_.update(piece);
    v.offset += static_cast<uint32_t>(piece.size());
    done += static_cast<uint32_t>(piece.size());
  }
  if (v.offset < size) return false;

  const Sha256 digest = digest_.finish();
  const bool same = same_bytes(digest, v.body ? header.body_sha256 : header.model_sha256);
  const bool more = same && !v.body && header.body_size != 0;
  if (more) {
    v.body = true;
    v.offset = 0;
    digest_.reset();
    return false;
  }
  const uint8_t slot = v.slot;
  v = Verify();
  if (!same) return Error::kDigestMismatch;
  if (receiving() && slot == transfer_.slot) transfer_.verified = true;
  return true;
}

// Seal in the meta, then the record: between the two the model is still half received, and is verified and sealed
// once more when it is offered again.
Status Store::seal() {
  if (transfer_.phase != Phase::kReceive || !transfer_.verified) return Error::kWrongState;
  const uint8_t s = transfer_.slot;
  MetaHeader header;
  if (!meta_.read_header(s, header)) return Error::kReadFailed;
  const Status sealed = meta_.write_seal(s, header);
  if (sealed.error() == Error::kNoPower || sealed.error() == Error::kFlashBusy) return sealed;
  State next = state_;
  SlotRecord& slot = next.slots[s];
  slot.state = SlotState::kPending;
  slot.sealed_by_journal = !sealed.ok();
  slot.attempts_made = 0;
  slot.vouched_blocks = 0;
  slot.clean = false;
  const Status status = commit(next, Event::kSealed);
  if (status.ok()) forget_transfer();
  return status;
}

// ---- trial ----

Status Store::reinstate(uint8_t slot) {
  if (slot >= config_.slot_count || !sound_[slot] || state_.slots[slot].state != SlotState::kRetired) {
    return Error::kWrongState;
  }
  for (uint8_t s = 0; s < config_.slot_count; ++s) {
    if (is_unconfirmed(state_.slots[s].state)) return Error::kTrialOpen;
  }
  MetaHeader header;
  if (!meta_.read_header(slot, header)) return Error::kReadFailed;
  if (header.counter < state_.counter_floor) return Error::kCounterTooLow;
  State next = state_;
  next.slots[slot].state = SlotState::kPending;
  next.slots[slot].attempts_made = 0;
  return commit(next, Event::kReinstated);
}

Status Store::record_attempt(uint8_t slot) {
  if (slot >= config_.slot_count || !sound_[slot] || !is_unconfirmed(state_.slots[slot].state)) {
    return Error::kWrongState;
  }
  State next = state_;
  SlotRecord& record = next.slots[slot];
  if (record.attempts_made >= record.attempts_max) return Error::kAttemptsSpent;
  record.attempts_made += 1;
  record.state = SlotState::kPending;
  return commit(next, Event::kAttempt);
}

Status Store::record_trial(uint8_t slot) {
  if (slot >= config_.slot_count || state_.slots[slot].state != SlotState::kPending ||
      state_.slots[slot].attempts_made == 0) {
    return Error::kWrongState;
  }
  State next = state_;
  next.slots[slot].state = SlotState::kTrial;
  return commit(next, Event::kTrial);
}

Status Store::confirm(uint8_t slot, uint32_t now_ms) {
  if (slot >= config_.slot_count || state_.slots[slot].state != SlotState::kTrial) return Error::kWrongState;
  MetaHeader header;
  if (!meta_.read_header(slot, header)) return Error::kReadFailed;
  State next = state_;
  // One model to return to: the one confirmed so far, if it is any good.
  const uint8_t old = slot_in(SlotState::kConfirmed);
  const bool old_good = old != kNoSlot && sound_[old];
  for (SlotRecord& other : next.slots) {
    if (other.state == SlotState::kRetired && old_good) other.state = SlotState::kUnknown;
    if (other.state == SlotState::kConfirmed) other.state = old_good ? SlotState::kRetired : SlotState::kUnknown;
  }
  next.slots[slot].state = SlotState::kConfirmed;
  next.watchdog_run = 0;
  if (header.counter > next.counter_floor) next.counter_floor = header.counter;
  const Status status = commit(next, Event::kConfirmed);
  if (status.ok()) settled_ms_ = now_ms;
  return status;
}

Status Store::reject(uint8_t slot, uint8_t reason, uint16_t detail) {
  if (slot >= config_.slot_count || !is_unconfirmed(state_.slots[slot].state)) return Error::kWrongState;
  State next = state_;
  reject_slot(next, slot, reason, detail);
  return commit(next, Event::kRejected);
}

Result<BootChoice> Store::roll_back(uint8_t reason, uint16_t detail) {
  uint8_t from = slot_in(SlotState::kTrial);
  if (from == kNoSlot) from = slot_in(SlotState::kPending);
  State next = state_;
  if (from == kNoSlot) {
    from = slot_in(SlotState::kConfirmed);
    const uint8_t to = slot_in(SlotState::kRetired);
    const bool sound = to != kNoSlot && sound_[to];
    if (from == kNoSlot || !(sound || has_builtin_)) return Error::kNothingToReturnTo;
    if (sound) next.slots[to].state = SlotState::kConfirmed;
  }
  reject_slot(next, from, reason, detail);
  const Status status = commit(next, Event::kRolledBack);
  if (!status.ok()) return status.error();
  return choice();
}

// ---- erase all ----

Status Store::erase_all(uint32_t now_ms) {
  if (recovery_.wanted || clearing_.slot != kNoSlot) return Error::kBusy;
  if (held_slot_ != kNoSlot) return Error::kInUse;
  refill_budget(now_ms);
  State next = state_;
  uint32_t cost = 0;
  for (uint8_t s = 0; s < config_.slot_count; ++s) {
    if (is_unconfirmed(state_.slots[s].state)) return Error::kTrialOpen;
    if (state_.slots[s].state == SlotState::kErased) continue;
    cost += layout_.slot_blocks;
    clear_slot(next, s, kReasonErased);
    charge(next, s, layout_.slot_blocks);
  }
  if (cost > state_.erase_budget) return Error::kEraseBudget;
  if (cost == 0) return Status();
  const Status status = commit(next, Event::kEraseAll);
  if (!status.ok()) return status;
  forget_transfer();
  wipe_charged_ = true;
  for (bool& sound : sound_) sound = false;
  return status;
}

}  // namespace storage
}  // namespace roost
