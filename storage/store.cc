#include "storage/store.h"

#include <string.h>

namespace roost {
namespace storage {

// Here and in the store's other files, ROOST_INLINE says that there is one caller.

namespace {

constexpr SlotStates kWithMeta = kSealedStates | states(SlotState::kReceiving);

}  // namespace

Store::Store(Flash& flash, Digest& digest, const StoreConfig& config, bool has_builtin, MutableBytes scratch)
    : meta_(flash, digest, scratch), has_builtin_(has_builtin), config_(config), journal_(meta_) {}

// ---- boot ----

Status Store::mount(uint32_t now_ms) {
  last_activity_ms_ = settled_ms_ = refilled_ms_ = now_ms;
  const Status fits = meta_.layout.set(meta_.flash.geometry(), config_.slot_count, config_.chunk_bytes);
  if (!fits.ok()) return fits;
  if (meta_.scratch == nullptr) return Error::kScratchTooSmall;
  state_.erase_budget = UINT32_MAX;  // where nothing is on record: all of it
  if (!journal_.mount(state_)) look_for_seals();
  for (uint8_t s = 0; s < meta_.layout.slot_count; ++s) {
    PackageInfo header;
    state_.slots[s].sound = check_sound(s, header);
    if (!state_.slots[s].sound || state_.slots[s].state != SlotState::kReceiving) continue;
    transfer_.phase = Phase::kHalf;
    transfer_.slot = s;
    transfer_.payload_size = header.payload_size();
    const uint32_t durable = durable_chunks();
    transfer_.next_page = durable < chunk_count() ? durable : chunk_count();
  }
  return Status();
}

// The header reads well and belongs to the record. A read may fail once (an unstable bit, a busy part), and a model is
// not given up for that.
ROOST_INLINE bool Store::check_sound(uint8_t slot, PackageInfo& header) {
  const SlotRecord& record = state_.slots[slot];
  if (!is_in(record.state, kWithMeta)) return false;
  constexpr int kTries = 3;
  for (int tries = 0; tries < kTries; ++tries) {
    if (!meta_.read_header(slot, header)) continue;
    return header.generation == record.generation && header.package_id == record.package_id;
  }
  return false;
}

// No journal: first boot, or the flash lost it. Seals in the metas say what is whole. The newest such model may
// have been unconfirmed, so it goes on probation with the next newest to fall back to; a single one is all there
// is.
ROOST_INLINE void Store::look_for_seals() {
  PackageInfo header;
  for (uint8_t s = 0; s < meta_.layout.slot_count; ++s) {
    if (!meta_.read_header(s, header)) continue;
    if (header.generation > state_.generation) state_.generation = header.generation;
    if (!meta_.seal(s, Meta::Do::kCompare)) continue;
    SlotRecord& slot = state_.slots[s];
    slot.state = SlotState::kRetired;
    slot.generation = header.generation;
    slot.package_id = header.package_id;
    slot.attempts_max = header.attempts;
  }
  const uint8_t newest = slot_in(SlotState::kRetired);
  if (newest == kNoSlot) return;
  state_.slots[newest].state = SlotState::kPending;
  uint8_t confirmed = slot_in(SlotState::kRetired);
  if (confirmed == kNoSlot) confirmed = newest;
  state_.slots[confirmed].state = SlotState::kConfirmed;
  if (meta_.read_header(confirmed, header)) state_.counter_floor = header.counter;
}

// A write that fails is made up for by the next boot, or by the next record.
bool Store::boot(ResetCause cause) {
  const bool changed = count_reset(state_, cause, config_.watchdog_run_max);
  if (changed || !journal_.firm()) (void)journal_.append(state_);
  return cause != ResetCause::kWatchdog || state_.watchdog_run < config_.watchdog_run_max;
}

Status Store::healthy() {
  if (state_.watchdog_run == 0) return Status();
  (void)keep(0);
  state_.watchdog_run = 0;
  return commit();
}

// ---- changes ----

SlotRecord& Store::keep(uint8_t slot) {
  static_assert(sizeof state_ <= kUnitBytesMax, "it fits the scratch");
  memcpy(meta_.scratch, &state_, sizeof state_);
  return state_.slots[slot];
}

Status Store::commit() {
  const Status status = journal_.append(state_);
  if (!status.ok()) memcpy(&state_, meta_.scratch, sizeof state_);
  return status;
}

Status Store::commit(Phase next, uint8_t slot) {
  const Status status = commit();
  if (status.ok()) {
    transfer_ = {};
    transfer_.phase = next;
    transfer_.slot = slot;
  }
  return status;
}

SlotRecord* Store::edit(uint8_t slot, SlotStates wanted) {
  if (slot >= meta_.layout.slot_count || !is_in(state_.slots[slot].state, wanted)) return nullptr;
  return &keep(slot);
}

// ---- erase budget ----

// What was credited is recorded along with whatever is recorded next, and so are charges.
uint32_t Store::erase_budget(uint32_t now_ms) {
  const uint32_t set = config_.erase_budget_blocks;
  const uint32_t budget_max = set != 0 ? set : 16 * meta_.layout.slot_blocks;
  const uint32_t refill_ms = config_.budget_refill_ms;
  uint32_t& budget = state_.erase_budget;
  if (budget > budget_max) budget = budget_max;
  if (refill_ms == 0) return budget;
  const uint32_t credit = (now_ms - refilled_ms_) / refill_ms;
  refilled_ms_ += credit * refill_ms;
  const uint32_t room = budget_max - budget;
  budget += credit < room ? credit : room;
  return budget;
}

void Store::charge(SlotRecord& slot, uint32_t blocks) {
  if (blocks == 0) return;
  uint32_t& budget = state_.erase_budget;
  budget -= blocks < budget ? blocks : budget;
  slot.flags = 0;  // not clean: what is left of it is charged
  slot.wear_max += 1;
  slot.wear_total += blocks;
}

// ---- queries ----

uint8_t Store::slot_in(SlotStates wanted) const {
  return newest_slot(state_, wanted);
}

uint8_t Store::sound_slot_in(SlotStates wanted) const {
  return newest_slot(state_, wanted, 0, true);
}

SlotInfo Store::slot_info(uint8_t slot) {
  SlotInfo info;
  if (slot < meta_.layout.slot_count && is_in(state_.slots[slot].state, kWithMeta) && state_.slots[slot].sound &&
      meta_.read_header(slot, info)) {
    info.payload = meta_.flash.mapped() + meta_.layout.payload_offset(slot);
  } else {
    info = SlotInfo();
  }
  return info;
}

}  // namespace storage
}  // namespace roost
