// Store's work in the background: erasing.
#include <stddef.h>
#include <string.h>

#include "storage/store.h"

namespace roost {
namespace storage {

bool Store::work_wanted(uint32_t now_ms) {
  return erase_wanted() || slot_to_clear(now_ms) != kNoSlot;
}

Status Store::work(uint32_t now_ms) {
  if (erase_wanted()) return erase_work();
  const uint8_t slot = slot_to_clear(now_ms);
  return slot == kNoSlot ? Status() : clear(slot);
}

// Of the slot's blocks, from its first, not as many are erased as should be by now. Clearing a slot ends with a record,
// and so counts one more.
bool Store::erase_wanted() const {
  const Transfer& t = transfer_;
  const Layout& layout = meta_.layout;
  uint32_t wanted = 0;
  if (t.phase == Phase::kClear) {
    wanted = layout.slot_blocks + 1;
  } else if (t.phase == Phase::kOpen) {
    wanted = layout.meta_blocks;
  } else if (manifest_taken()) {
    const uint32_t ahead = block_in_work() + 1 + config_.erase_ahead_blocks;
    const uint32_t all = layout.blocks_taken(t.payload_size);
    wanted = ahead < all ? ahead : all;
  }
  return t.erased_blocks < wanted;
}

ROOST_INLINE Status Store::erase_work() {
  Transfer& t = transfer_;
  const Layout& layout = meta_.layout;
  if (!journal_.firm()) return journal_.append(state_);  // what may come back could say that this is durable
  if (t.erased_blocks == layout.slot_blocks && t.phase == Phase::kClear) {
    SlotRecord& slot = keep(t.slot);
    slot.state = SlotState::kErased;
    slot.reason = kReasonNone;
    return commit(Phase::kIdle);
  }
  const uint32_t offset = layout.slot_offset(t.slot) + t.erased_blocks * layout.block_bytes;
  // One slice of it; or of the one whose slices are unfinished.
  const uint32_t target = slicing_ != 0 ? slicing_ : offset;
  const Result<bool> done = meta_.flash.erase_slice(target);
  const Error error = done.error();
  if (error != Error::kFlashBusy) slicing_ = done.value_or(true) ? 0 : target;
  if (error == Error::kEraseFailed) charge(open_record(), 1);
  if (error != Error::kNone || slicing_ != 0 || target != offset) return error;
  t.erased_blocks += 1;
  return Status();
}

// ---- clearing whole slots ----

// What erase_all has not come to yet: that goes on after a reset.
uint8_t Store::slot_to_wipe() const {
  const uint8_t s = slot_in(SlotState::kClearing);
  return s != kNoSlot && state_.slots[s].reason == kReasonErased ? s : kNoSlot;
}

// What erase_all left to do comes first; then, for early_erase and for the third slot, the one that the next package
// takes, where it holds nothing to run or to return to, once things have been quiet for the grace time.
uint8_t Store::slot_to_clear(uint32_t now_ms) {
  const uint8_t wiped = slot_to_wipe();
  if (wiped != kNoSlot) return wiped;
  const Layout& layout = meta_.layout;
  const bool two = layout.slot_count == 2;
  const SlotStates forbidding = kUnconfirmed | states(SlotState::kReceiving) | states(SlotState::kErased);
  if ((two && !config_.early_erase) || receiving() || slot_in(forbidding) != kNoSlot ||
      slot_in(SlotState::kConfirmed) == kNoSlot || now_ms - settled_ms_ < config_.early_erase_grace_ms ||
      erase_budget(now_ms) < layout.slot_blocks) {
    return kNoSlot;
  }
  const SlotStates spare = states(SlotState::kUnknown) | states(SlotState::kClearing) |
                           states(SlotState::kRejected) | (two ? states(SlotState::kRetired) : 0);
  const uint8_t next = pick_slot();
  return next != kNoSlot && is_in(state_.slots[next].state, spare) ? next : kNoSlot;
}

// Charged and on record first: what it reads means nothing from here on.
ROOST_INLINE Status Store::clear(uint8_t slot) {
  SlotRecord& record = keep(slot);
  empty(record, record.reason == kReasonErased ? kReasonErased : kReasonNone);
  charge(record, meta_.layout.slot_blocks);
  return commit(Phase::kClear, slot);
}

// Everything about it is void but its wear.
void Store::empty(SlotRecord& slot, uint8_t reason) {
  memset(&slot, 0, offsetof(SlotRecord, wear_max));
  slot.state = SlotState::kClearing;
  slot.reason = reason;
}

}  // namespace storage
}  // namespace roost
