// Store while a package arrives: open, pages, rewind, abandon.
#include "base/bytes.h"
#include "base/crc.h"
#include "storage/store.h"

namespace roost {
namespace storage {
namespace {

constexpr uint8_t kMetaFailuresMax = 3;  // as often as a page may fail
constexpr uint32_t kRecordsMax = 16;     // of what is durable, in a package: so much wear for it

}  // namespace

// ---- open ----

Status Store::open(PackageInfo& package, OpenFlags flags, uint32_t now_ms) {
  Status status = meta_.check_sizes(package);
  if (status.ok()) status = check_policy(package, flags);
  if (!status.ok()) return status;
  (void)erase_budget(now_ms);

  Transfer& t = transfer_;
  if (t.phase != Phase::kIdle && continues(package)) {
    if (t.phase != Phase::kOpen) {
      status = resume();
    } else if (t.erased_blocks >= meta_.layout.meta_blocks) {
      status = write_meta(package);
    }
  } else {
    const bool idle = now_ms - last_activity_ms_ >= config_.displace_idle_ms;
    if (t.phase != Phase::kIdle && !idle) return Error::kBusy;
    status = start(package);
  }
  if (status.ok()) last_activity_ms_ = now_ms;
  return status;
}

ROOST_INLINE Status Store::check_policy(const PackageInfo& package, OpenFlags flags) const {
  const bool force = (flags & kOpenForce) != 0;
  if (transfer_.phase == Phase::kClear || slot_to_wipe() != kNoSlot) return Error::kNotReady;
  constexpr SlotStates kKept = kUnconfirmed | states(SlotState::kConfirmed);
  if (!force && newest_slot(state_, kKept, package.package_id, true) != kNoSlot) return Error::kAlreadyStored;
  const uint8_t unconfirmed = slot_to_attempt();
  // A pending model that never ran may be forced out; the one to return to is not touched by that.
  if (unconfirmed != kNoSlot && (!force || state_.slots[unconfirmed].attempts_made != 0)) return Error::kTrialOpen;
  if (!force) {
    for (uint32_t id : state_.rejected_ids) {
      if (id != 0 && id == package.package_id) return Error::kRejectedBefore;
    }
  }
  return package.counter < state_.counter_floor ? Error::kCounterTooLow : Error::kNone;
}

// The package in transfer_ is this one.
ROOST_INLINE bool Store::continues(PackageInfo& package) {
  const SlotRecord& slot = state_.slots[transfer_.slot];
  if (slot.package_id != package.package_id) return false;
  package.generation = slot.generation;
  package.attempts = slot.attempts_max;
  if (transfer_.phase != Phase::kOpen) return meta_.header(transfer_.slot, package, Meta::Do::kCompare).ok();
  // Nothing of it is in flash yet: what counts is that it takes the blocks that were charged for.
  return transfer_.payload_size == package.payload_size();
}

// The slot that is missed least, or kNoSlot: lower ranks first, among equals the one erased less often.
uint8_t Store::pick_slot() const {
  // By SlotState. A receiving one is displaced: only one package arrives at a time. One that is pending was forced
  // out or is not sound, one on trial is not sound: check_policy let nothing else pass.
  static const uint8_t kRanks[] = {3, 3, 2, 0, 1, 1, 5, 6, 4};
  static_assert(sizeof kRanks == 1 + static_cast<size_t>(SlotState::kRejected), "one for each state");
  uint8_t best = kNoSlot;
  uint32_t least = UINT32_MAX;
  for (uint8_t s = 0; s < meta_.layout.slot_count; ++s) {
    const SlotRecord& slot = state_.slots[s];
    if (s == held_slot_ || (slot.state == SlotState::kConfirmed && slot.sound)) continue;
    const uint32_t missed = kRanks[static_cast<uint8_t>(slot.state)] << 28 | (slot.wear_total & 0x0FFFFFFF);
    if (missed >= least) continue;
    best = s;
    least = missed;
  }
  return best;
}

// A new package. The record comes first: from here on the slot holds nothing, whatever it reads.
ROOST_INLINE Status Store::start(const PackageInfo& package) {
  const uint8_t s = pick_slot();
  if (s == kNoSlot) return Error::kNoFreeSlot;
  const Layout& layout = meta_.layout;
  const bool clean = state_.slots[s].state == SlotState::kErased;
  const uint32_t payload_size = package.payload_size();
  const uint32_t all = layout.blocks_taken(payload_size);
  const uint32_t cost = clean ? 0 : all;
  if (cost > state_.erase_budget) return Error::kEraseBudget;
  SlotRecord& slot = keep(s);
  for (SlotRecord& other : state_.slots) {
    if (is_in(other.state, kUnconfirmed | states(SlotState::kReceiving))) {
      other.state = SlotState::kUnknown;
      other.reason = kReasonDisplaced;
      other.durable_chunks = 0;
    }
  }
  empty(slot, kReasonNone);
  charge(slot, cost);
  slot.generation = ++state_.generation;
  slot.package_id = package.package_id;
  slot.attempts_max = package.attempts == 0 ? 1 : package.attempts;
  const Status status = commit(Phase::kOpen, s);
  if (!status.ok()) return status;
  transfer_.payload_size = payload_size;
  transfer_.erased_blocks = all - cost;
  return status;
}

// Header and manifest, then the record that says the slot is receiving: in this order, so that a torn header never
// stands for a package that a page was reported durable of.
ROOST_INLINE Status Store::write_meta(const PackageInfo& package) {
  Transfer& t = transfer_;
  Status status = meta_.header(t.slot, package, Meta::Do::kWrite);
  if (status.is(Error::kFlashBusy)) return status;
  if (!status.ok()) {
    if (++t.meta_failures == kMetaFailuresMax) return Error::kProgramFailed;
    charge(open_record(), meta_.layout.blocks_taken(t.payload_size));
    t.erased_blocks = 0;  // all is erased once more, and then it is tried again
    return Status();
  }
  SlotRecord& slot = keep(t.slot);
  slot.state = SlotState::kReceiving;
  slot.sound = true;
  if (t.erased_blocks > meta_.layout.meta_blocks) slot.flags = kSlotClean;
  status = commit();
  if (!status.ok()) return status;
  t.phase = Phase::kReceive;
  return status;
}

// Whoever sends it goes on behind what is closed, after a boot behind what is durable, and may count on that: it is on
// record first, and until then it is not open. What was erased for pages that are sent again is erased again.
ROOST_INLINE Status Store::resume() {
  Transfer& t = transfer_;
  const Layout& layout = meta_.layout;
  const bool half = t.phase == Phase::kHalf;
  t.phase = Phase::kHalf;
  uint32_t again = 0;
  if (half) {
    t.erased_blocks = layout.meta_blocks + divide_up(t.next_page, layout.chunks_per_block());
    const uint32_t left = layout.blocks_taken(t.payload_size) - t.erased_blocks;
    const uint32_t ahead = t.payload_size / kRecordsMax / layout.block_bytes + 2u + config_.erase_ahead_blocks;
    again = left < ahead || (open_record().flags & kSlotClean) != 0 ? left : ahead;
  } else if (!all_closed() && (t.written != 0 || t.next_page % layout.chunks_per_block() != 0)) {
    again = back_to_block();
  }
  if (again > state_.erase_budget) return Error::kEraseBudget;
  SlotRecord& slot = keep(t.slot);
  // After a boot always: a record that was torn before may read valid yet, and say otherwise.
  if (half || again != 0 || slot.durable_chunks != t.next_page || !journal_.firm()) {
    slot.durable_chunks = t.next_page;
    charge(slot, again);
    const Status status = commit();
    if (!status.ok()) return status;
  }
  t.phase = Phase::kReceive;  // to be verified from the start, if it was
  return Status();
}

// ---- pages ----

uint32_t Store::chunk_count() const {
  return divide_up(transfer_.payload_size, meta_.layout.chunk_bytes);
}

uint32_t Store::chunk_size(uint32_t page) const {
  const uint32_t left = transfer_.payload_size - page * meta_.layout.chunk_bytes;
  return left < meta_.layout.chunk_bytes ? left : meta_.layout.chunk_bytes;
}

// The one that the next page stands in; behind all of them, where there is none.
uint32_t Store::block_in_work() const {
  const Layout& layout = meta_.layout;
  if (all_closed()) return layout.blocks_taken(transfer_.payload_size);
  return layout.meta_blocks + transfer_.next_page / layout.chunks_per_block();
}

bool Store::page_ready() const {
  return manifest_taken() && block_in_work() < transfer_.erased_blocks;
}

Status Store::program(Bytes bytes, uint32_t now_ms) {
  Transfer& t = transfer_;
  const Layout& layout = meta_.layout;
  if (all_closed()) return Error::kWrongState;
  if (!page_ready()) return Error::kNotReady;
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  if (size > layout.round_up_to_unit(chunk_size(t.next_page)) - t.written) return Error::kMisuse;
  last_activity_ms_ = now_ms;
  const uint32_t at = layout.payload_offset(t.slot) + t.next_page * layout.chunk_bytes + t.written;
  const Status status = meta_.flash.program(at, bytes);
  if (status.ok()) t.written += size;
  return status;
}

Status Store::close_page(uint32_t crc) {
  Transfer& t = transfer_;
  const Layout& layout = meta_.layout;
  if (t.written == 0 || t.written < chunk_size(t.next_page)) return Error::kWrongState;
  uint32_t read_back;
  Status status = page_crc(&read_back);
  if (status.is(Error::kFlashBusy)) return status;
  if (!status.ok() || read_back != crc) return Error::kReadBack;

  const uint32_t closed = t.next_page + 1;
  const uint32_t end = closed * layout.chunk_bytes;
  const uint32_t news = end - durable_chunks() * layout.chunk_bytes;
  if (end >= t.payload_size || (end % layout.block_bytes == 0 && news >= t.payload_size / kRecordsMax)) {
    keep(t.slot).durable_chunks = closed;
    status = commit();
    if (!status.ok()) return status;
  }
  t.next_page = closed;
  t.written = 0;
  return status;
}

// Of the page in work: its chunk's CRC-32 as on the wire, over what flash reads now.
ROOST_INLINE Status Store::page_crc(uint32_t* crc) {
  const uint32_t page = transfer_.next_page;
  uint8_t head[8];
  store_le32(head, open_record().package_id);
  store_le32(head + 4, page);
  *crc = crc32(0, head);
  const Layout& layout = meta_.layout;
  return meta_.take(layout.payload_offset(transfer_.slot) + page * layout.chunk_bytes, chunk_size(page), crc);
}

Status Store::rewind(uint32_t now_ms) {
  if (!manifest_taken() || all_closed()) return Error::kWrongState;
  if (state_.erase_budget == 0) return Error::kEraseBudget;
  last_activity_ms_ = now_ms;
  charge(open_record(), back_to_block());
  return Status();
}

// To the first page of the block in work. Returns how many blocks, from that one on, are erased once more.
uint32_t Store::back_to_block() {
  Transfer& t = transfer_;
  t.next_page -= t.next_page % meta_.layout.chunks_per_block();
  t.written = 0;
  const uint32_t block = block_in_work();
  uint32_t again = t.erased_blocks - block;
  if (slicing_ != 0) ++again;  // the one whose slices are unfinished, too
  t.erased_blocks = block;
  return again;
}

Status Store::abandon(uint8_t reason, uint16_t detail) {
  const uint8_t s = receiving() ? transfer_.slot : slot_in(SlotState::kReceiving);
  SlotRecord* slot = edit(s, states(SlotState::kClearing) | states(SlotState::kReceiving));
  if (slot == nullptr) return Error::kWrongState;
  slot->state = SlotState::kUnknown;
  slot->reason = reason;
  slot->detail = detail;
  slot->durable_chunks = 0;
  return commit(Phase::kIdle);
}

}  // namespace storage
}  // namespace roost
