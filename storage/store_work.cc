// Store's work in the background: finding out what is durable after a boot, and erasing.
#include "base/bytes.h"
#include "base/crc.h"
#include "storage/store.h"

namespace roost {
namespace storage {
namespace {

constexpr uint32_t kNoBlock = 0xFFFFFFFF;

}  // namespace

Work Store::work_wanted(uint32_t now_ms) const {
  if (recovery_.wanted) return Work::kRecover;
  if (erase_wanted() || slot_to_clear(now_ms) != kNoSlot) return Work::kErase;
  return Work::kNone;
}

Status Store::work(uint32_t now_ms) {
  if (recovery_.wanted) {
    recover_page();
    return Status();
  }
  if (erase_wanted()) return erase_work();
  if (slot_to_clear(now_ms) != kNoSlot) return clear_work(now_ms);
  return Status();
}

uint32_t Store::erases_left() const {
  if (clearing_.slot != kNoSlot) return layout_.slot_blocks - clearing_.block;
  if (!receiving()) return 0;
  const uint32_t meta = transfer_.phase == Phase::kClearMeta ? layout_.meta_blocks - transfer_.meta_erased : 0;
  const uint32_t payload = transfer_.phase != Phase::kReceive && transfer_.clean ? 0
                           : transfer_.block_count > transfer_.erased_blocks
                               ? transfer_.block_count - transfer_.erased_blocks
                               : 0;
  return meta + payload + (transfer_.redo_block ? 1 : 0);
}

// ---- recovery: reads only ----

void Store::start_recovery() {
  const uint8_t slot = slot_in(SlotState::kReceiving);
  MetaHeader header;
  if (slot == kNoSlot || !sound_[slot] || !meta_.read_header(slot, header)) return;
  recovery_.slot = slot;
  recovery_.payload_size = header.payload_size();
  recovery_.chain = recovery_.durable_chain = chain_start(header.generation);
  const uint32_t blocks = (header.payload_size() + layout_.block_bytes - 1) / layout_.block_bytes;
  recovery_.end_block = state_.slots[slot].vouched_blocks;
  for (uint32_t block = blocks; block > recovery_.end_block; --block) {
    if (meta_.cell_is_blank(slot, block - 1)) continue;
    recovery_.end_block = block;
    break;
  }
  if (recovery_.end_block > blocks) recovery_.end_block = blocks;
  recovery_.wanted = recovery_.end_block != 0;
}

// One page more into the running value; at the end of each block, is there a cell or a record that agrees? One that
// does vouches for everything before it as well, whatever became of the cells in between.
void Store::recover_page() {
  const SlotRecord& record = state_.slots[recovery_.slot];
  const uint32_t offset = recovery_.page * layout_.chunk_bytes;
  const uint32_t left = recovery_.payload_size - offset;
  const uint32_t size = left < layout_.chunk_bytes ? left : layout_.chunk_bytes;
  const Result<uint32_t> crc = page_crc(recovery_.slot, record.package_id, recovery_.page, size);
  if (!crc.ok()) {
    recovery_.wanted = false;
    return;
  }
  recovery_.chain = chain_next(recovery_.chain, crc.value());
  recovery_.page += 1;
  const bool last = left <= layout_.chunk_bytes;
  if (!last && recovery_.page % layout_.chunks_per_block != 0) return;
  const uint32_t blocks = (recovery_.page + layout_.chunks_per_block - 1) / layout_.chunks_per_block;
  const bool vouched = record.vouched_blocks == blocks && record.vouched_chain == recovery_.chain;
  if (vouched || meta_.cell_is(recovery_.slot, blocks - 1, recovery_.chain)) {
    recovery_.durable_blocks = blocks;
    recovery_.durable_chain = recovery_.chain;
  }
  if (last || blocks >= recovery_.end_block) recovery_.wanted = false;
}

// The chunk's CRC-32 as on the wire, over what flash reads now.
Result<uint32_t> Store::page_crc(uint8_t slot, uint32_t package_id, uint32_t page, uint32_t size) {
  uint8_t head[8];
  store_le32(head, package_id);
  store_le32(head + 4, page);
  uint32_t crc = crc32(0, head);
  const uint32_t offset = layout_.payload_offset(slot) + page * layout_.chunk_bytes;
  for (uint32_t at = 0; at < size;) {
    const uint32_t left = size - at;
    const MutableBytes piece = scratch_.first(left < scratch_.size() ? left : scratch_.size());
    const Status status = flash_.read(offset + at, piece);
    if (!status.ok()) return status.error();
    crc = crc32(crc, piece);
    at += static_cast<uint32_t>(piece.size());
  }
  return crc;
}

// ---- erasing ----

// One slice of this block, or of the one whose slices are unfinished: true when this block is erased.
Result<bool> Store::erase_some(uint32_t block_offset) {
  const uint32_t target = slicing_ != kNoBlock ? slicing_ : block_offset;
  const Result<bool> done = flash_.erase_slice(target);
  if (!done.ok()) {
    if (done.error() != Error::kFlashBusy) slicing_ = kNoBlock;
    return done.error();
  }
  slicing_ = done.value() ? kNoBlock : target;
  return done.value() && target == block_offset;
}

bool Store::erase_wanted() const {
  const Transfer& t = transfer_;
  if (t.phase == Phase::kIdle) return false;
  if (t.phase != Phase::kReceive || t.redo_block) return true;
  const uint32_t ahead = t.durable_blocks + 1 + config_.erase_ahead_blocks;
  return t.erased_blocks < (ahead < t.block_count ? ahead : t.block_count);
}

Status Store::erase_work() {
  Transfer& t = transfer_;
  if (t.phase == Phase::kWriteMeta) return write_meta();
  const bool in_meta = t.phase == Phase::kClearMeta;
  const uint32_t block = in_meta ? t.meta_erased : t.redo_block ? t.durable_blocks : t.erased_blocks;
  const uint32_t base = in_meta ? layout_.slot_offset(t.slot) : layout_.payload_offset(t.slot);
  const Result<bool> done = erase_some(base + block * layout_.block_bytes);
  if (done.error() == Error::kEraseFailed) charge(state_, t.slot, 1);
  if (!done.ok()) return done.error();
  if (!done.value()) return Status();
  if (in_meta) {
    t.meta_erased += 1;
    if (t.meta_erased == layout_.meta_blocks) t.phase = Phase::kWriteMeta;
    return Status();
  }
  t.redo_block = false;
  if (t.erased_blocks <= block) t.erased_blocks = block + 1;
  return Status();
}

// Header and manifest, then the record that says the slot is receiving: in this order, so that a torn header never
// stands for a package that a page was reported durable of.
Status Store::write_meta() {
  Transfer& t = transfer_;
  State next = state_;
  SlotRecord& slot = next.slots[t.slot];
  MetaHeader header;
  const bool written = meta_.read_header(t.slot, header) && header.generation == slot.generation;
  if (!written) {
    const PackageInfo& package = t.package;
    static_cast<PackageFacts&>(header) = package;
    header.generation = slot.generation;
    header.manifest_size = static_cast<uint16_t>(package.manifest.size());
    header.attempts = slot.attempts_max;
    const Status status = meta_.write_header(t.slot, header, package.manifest);
    if (!status.ok()) {
      t.phase = Phase::kClearMeta;
      t.meta_erased = 0;
      charge(state_, t.slot, layout_.meta_blocks);
      return status;
    }
  }
  slot.state = SlotState::kReceiving;
  slot.clean = t.clean;
  const Status status = commit(next, Event::kBegan);
  if (!status.ok()) return status;
  sound_[t.slot] = true;
  t.phase = Phase::kReceive;
  t.package.manifest = Bytes();
  t.erased_blocks = t.clean ? t.block_count : 0;
  t.chain = t.durable_chain = chain_start(slot.generation);
  return Status();
}

// ---- clearing whole slots ----

// What erase_all left to do comes first; then, for early_erase and for the third slot, one slot that holds nothing
// to run or to return to, once things have been quiet for the grace time.
uint8_t Store::slot_to_clear(uint32_t now_ms) const {
  if (clearing_.slot != kNoSlot) return clearing_.slot;
  uint8_t useless = kNoSlot;
  bool any_erased = false;
  for (uint8_t s = 0; s < config_.slot_count; ++s) {
    const SlotRecord& slot = state_.slots[s];
    if (slot.state == SlotState::kClearing && slot.reason == kReasonErased) return s;
    if (slot.state == SlotState::kReceiving || is_unconfirmed(slot.state)) return kNoSlot;
    if (slot.state == SlotState::kErased) any_erased = true;
    const bool is_spare = slot.state == SlotState::kUnknown || slot.state == SlotState::kClearing ||
                          slot.state == SlotState::kRejected ||
                          (slot.state == SlotState::kRetired && config_.slot_count == 2);
    if (is_spare && s != held_slot_) useless = s;
  }
  if (!config_.early_erase && config_.slot_count < 3) return kNoSlot;
  if (receiving() || any_erased || slot_in(SlotState::kConfirmed) == kNoSlot) return kNoSlot;
  if (now_ms - settled_ms_ < config_.early_erase_grace_ms) return kNoSlot;
  return erase_budget(now_ms) >= layout_.slot_blocks ? useless : kNoSlot;
}

Status Store::clear_work(uint32_t now_ms) {
  const uint8_t s = slot_to_clear(now_ms);
  State next = state_;
  SlotRecord& slot = next.slots[s];
  if (clearing_.slot == kNoSlot) {
    const bool going_on = slot.state == SlotState::kClearing && slot.reason == kReasonErased;
    if (!going_on || !wipe_charged_) {
      refill_budget(now_ms);
      next.erase_budget = state_.erase_budget;
      clear_slot(next, s, going_on ? kReasonErased : kReasonNone);
      charge(next, s, layout_.slot_blocks);
      const Status status = commit(next, Event::kClearing);
      if (!status.ok()) return status;
    }
    sound_[s] = false;
    clearing_.slot = s;
    clearing_.block = 0;
    return Status();
  }
  if (clearing_.block < layout_.slot_blocks) {
    const Result<bool> done = erase_some(layout_.slot_offset(s) + clearing_.block * layout_.block_bytes);
    if (done.error() == Error::kEraseFailed) charge(state_, s, 1);
    if (!done.ok()) return done.error();
    if (!done.value()) return Status();
    clearing_.block += 1;
    if (clearing_.block < layout_.slot_blocks) return Status();
  }
  slot.state = SlotState::kErased;
  slot.reason = kReasonNone;
  const Status status = commit(next, Event::kErased);
  if (status.ok()) clearing_ = Clearing();
  return status;
}

// Everything about it is void but its wear.
void Store::clear_slot(State& state, uint8_t slot, uint8_t reason) {
  SlotRecord cleared;
  cleared.wear_max = state.slots[slot].wear_max;
  cleared.wear_total = state.slots[slot].wear_total;
  cleared.state = SlotState::kClearing;
  cleared.reason = reason;
  state.slots[slot] = cleared;
}

}  // namespace storage
}  // namespace roost
