// Store's work in the background: finding out what is durable after a boot, and erasing.
#include <stddef.h>
#include <string.h>

#include "storage/store.h"

namespace roost {
namespace storage {

Work Store::work_wanted(uint32_t now_ms) {
  if (transfer_.phase == Phase::kRecover) return Work::kRecover;
  return erase_wanted() || slot_to_clear(now_ms) != kNoSlot ? Work::kErase : Work::kNone;
}

Status Store::work(uint32_t now_ms) {
  if (transfer_.phase == Phase::kRecover) {
    recover_page();
    return Status();
  }
  if (erase_wanted()) return erase_work();
  const uint8_t slot = slot_to_clear(now_ms);
  return slot == kNoSlot ? Status() : clear(slot);
}

// ---- recovery: reads only ----

// One page more into the running value; at the end of each block, is there a cell or a record that agrees? One that
// does vouches for everything before it as well, whatever became of the cells in between. Behind the last block that
// the record vouches for every durable one has its cell.
ROOST_INLINE void Store::recover_page() {
  Transfer& t = transfer_;
  const SlotRecord& record = state_.slots[t.slot];
  uint32_t crc;
  if (page_crc(&crc).ok()) {
    t.chain = chain_next(t.chain, crc);
    const bool whole = page_ends_block();
    const uint32_t block = t.next_page++ * meta_.layout.chunk_bytes / meta_.layout.block_bytes;
    if (!whole) return;
    const bool vouched = record.vouched_blocks == block + 1 && record.vouched_chain == t.chain;
    if (vouched || meta_.cell_is(t.slot, block, t.chain)) {
      t.durable_blocks = block + 1;
      t.durable_chain = t.chain;
    }
    const bool more = t.durable_blocks == block + 1 || block + 1 < record.vouched_blocks;
    if (more && (block + 1) * meta_.layout.block_bytes < t.payload_size) return;
  }
  t.phase = Phase::kHalf;
}

uint32_t Store::chunk_size(uint32_t page) const {
  const uint32_t left = transfer_.payload_size - page * meta_.layout.chunk_bytes;
  return left < meta_.layout.chunk_bytes ? left : meta_.layout.chunk_bytes;
}

bool Store::page_ends_block() const {
  const uint32_t end = (transfer_.next_page + 1) * meta_.layout.chunk_bytes;
  return end >= transfer_.payload_size || end % meta_.layout.block_bytes == 0;
}

// Of the chunk in work: its CRC-32 as on the wire, over what flash reads now.
Status Store::page_crc(uint32_t* crc) {
  const uint8_t slot = transfer_.slot;
  const uint32_t page = transfer_.next_page;
  *crc = crc32_word(crc32_word(0, state_.slots[slot].package_id), page);
  return meta_.take(meta_.layout.payload_offset(slot) + page * meta_.layout.chunk_bytes, chunk_size(page), crc);
}

// ---- erasing ----

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
  return t.redo_block || t.erased_blocks < wanted;
}

ROOST_INLINE Status Store::erase_work() {
  Transfer& t = transfer_;
  const Layout& layout = meta_.layout;
  if (t.erased_blocks == layout.slot_blocks && t.phase == Phase::kClear) {
    SlotRecord& slot = keep(t.slot);
    slot.state = SlotState::kErased;
    slot.reason = kReasonNone;
    return commit(Event::kErased, Phase::kIdle);
  }
  const uint32_t block = t.redo_block ? block_in_work() : t.erased_blocks;
  const uint32_t offset = layout.slot_offset(t.slot) + block * layout.block_bytes;
  // One slice of it; or of the one whose slices are unfinished.
  const uint32_t target = slicing_ != 0 ? slicing_ : offset;
  const Result<bool> done = meta_.flash.erase_slice(target);
  const Error error = done.error();
  if (error != Error::kFlashBusy) slicing_ = done.value_or(true) ? 0 : target;
  if (error == Error::kEraseFailed) charge(open_record(), 1);
  if (error != Error::kNone || slicing_ != 0 || target != offset) return error;
  t.redo_block = false;
  if (t.erased_blocks <= block) t.erased_blocks = block + 1;
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
  return commit(Event::kClearing, Phase::kClear, slot);
}

// Everything about it is void but its wear.
void Store::empty(SlotRecord& slot, uint8_t reason) {
  memset(&slot, 0, offsetof(SlotRecord, wear_max));
  slot.state = SlotState::kClearing;
  slot.reason = reason;
}

}  // namespace storage
}  // namespace roost
