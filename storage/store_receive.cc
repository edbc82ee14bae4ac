// Store while a package arrives: open, pages, rewind, abandon.
#include "storage/store.h"

namespace roost {
namespace storage {
namespace {

constexpr uint8_t kMetaFailuresMax = 3;  // as often as a page may fail

}  // namespace

// ---- open ----

Status Store::open(PackageInfo& package, OpenFlags flags, uint32_t now_ms) {
  Status status = meta_.check_sizes(package);
  if (status.ok()) status = check_policy(package, flags);
  if (!status.ok()) return status;
  (void)erase_budget(now_ms);

  Transfer& t = transfer_;
  if (t.phase != Phase::kIdle && continues(package)) {
    if (t.phase == Phase::kHalf) {
      status = resume();
    } else if (t.phase == Phase::kOpen) {
      if (t.erased_blocks >= meta_.layout.meta_blocks) status = write_meta(package);
    } else if (t.next_page != durable_chunks() || t.written != 0) {
      // The link was lost, or another host goes on with it.
      if (state_.erase_budget == 0) return Error::kEraseBudget;
      redo_from_durable();
    } else {
      t.phase = Phase::kReceive;  // to be verified from the start, if it was
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
  if (transfer_.phase == Phase::kRecover || transfer_.phase == Phase::kClear) return Error::kNotReady;
  if (slot_to_wipe() != kNoSlot) return Error::kNotReady;
  const uint8_t here = sound_ & slots_naming(state_, package.package_id);
  if (!force && newest_slot(state_, kUnconfirmed | states(SlotState::kConfirmed), here) != kNoSlot) {
    return Error::kAlreadyStored;
  }
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
  if (transfer_.phase != Phase::kOpen) return meta_.header(transfer_.slot, package, Meta::Do::kCompare);
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
    if (s == held_slot_ || (slot.state == SlotState::kConfirmed && sound(s))) continue;
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
  const uint32_t cost = clean ? 0 : layout.blocks_taken(payload_size);
  if (cost > state_.erase_budget) return Error::kEraseBudget;
  SlotRecord& slot = keep(s);
  for (SlotRecord& other : state_.slots) {
    if (is_in(other.state, kUnconfirmed | states(SlotState::kReceiving))) {
      other.state = SlotState::kUnknown;
      other.reason = kReasonDisplaced;
    }
  }
  empty(slot, kReasonNone);
  charge(slot, cost);
  slot.generation = ++state_.generation;
  slot.package_id = package.package_id;
  slot.attempts_max = package.attempts == 0 ? 1 : package.attempts;
  const Status status = commit(Event::kClearing, Phase::kOpen, s);
  if (!status.ok()) return status;
  transfer_.payload_size = payload_size;
  transfer_.erased_blocks = clean ? layout.slot_blocks : 0;
  return status;
}

// Header and manifest, then the record that says the slot is receiving: in this order, so that a torn header never
// stands for a package that a page was reported durable of.
ROOST_INLINE Status Store::write_meta(const PackageInfo& package) {
  Transfer& t = transfer_;
  if (!meta_.header(t.slot, package, Meta::Do::kWrite)) {
    if (++t.meta_failures == kMetaFailuresMax) return Error::kProgramFailed;
    charge(open_record(), meta_.layout.blocks_taken(t.payload_size));
    t.erased_blocks = 0;  // all is erased once more, and then it is tried again
    return Status();
  }
  SlotRecord& slot = keep(t.slot);
  slot.state = SlotState::kReceiving;
  if (t.erased_blocks == meta_.layout.slot_blocks) slot.flags = kSlotClean;
  const Status status = commit(Event::kBegan);
  if (!status.ok()) return status;
  sound_ |= static_cast<uint8_t>(1u << t.slot);
  t.durable_chain = chain_start(slot.generation);
  receive_from_durable();
  return status;
}

// The first offer after a boot of what was half received before it. Recording the durable count makes firm what may
// rest on a cell that was torn and reads valid only now.
ROOST_INLINE Status Store::resume() {
  Transfer& t = transfer_;
  const bool clean = (open_record().flags & kSlotClean) != 0;
  const uint32_t left = meta_.layout.blocks_taken(t.payload_size) - block_in_work();
  const uint32_t ahead = clean ? 1 : 1u + config_.erase_ahead_blocks;
  const uint32_t cost = left < ahead ? left : ahead;
  if (cost > state_.erase_budget) return Error::kEraseBudget;
  SlotRecord& slot = keep(t.slot);
  slot.vouched_blocks = t.durable_blocks;
  slot.vouched_chain = t.durable_chain;
  charge(slot, cost);
  const Status status = commit(Event::kResumed);
  if (!status.ok()) return status;
  receive_from_durable();
  t.cell_suspect = true;
  t.erased_blocks = clean ? meta_.layout.slot_blocks : block_in_work();
  t.redo_block = clean && left != 0;
  return status;
}

// ---- pages ----

uint32_t Store::chunk_count() const {
  return divide_up(transfer_.payload_size, meta_.layout.chunk_bytes);
}

uint32_t Store::durable_chunks() const {
  const uint32_t size = transfer_.durable_blocks * meta_.layout.block_bytes;
  const uint32_t all = transfer_.payload_size;
  return divide_up(size < all ? size : all, meta_.layout.chunk_bytes);
}

// The page in work stands in the first block that is not durable.
bool Store::page_ready() const {
  const Transfer& t = transfer_;
  return manifest_taken() && !t.redo_block && block_in_work() < t.erased_blocks;
}

Status Store::program(Bytes bytes, uint32_t now_ms) {
  Transfer& t = transfer_;
  const Layout& layout = meta_.layout;
  if (all_durable()) return Error::kWrongState;
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
  if (t.written == 0 || t.written < chunk_size(t.next_page)) return Error::kWrongState;
  uint32_t read_back;
  const Status status = page_crc(&read_back);
  if (status.is(Error::kFlashBusy)) return status;
  if (!status.ok() || read_back != crc) return Error::kReadBack;

  const uint32_t chain = chain_next(t.chain, crc);
  if (page_ends_block()) {
    const Status vouched = vouch_for_block(chain);
    if (!vouched.ok()) return vouched;
    t.durable_blocks += 1;
    t.durable_chain = chain;
    t.cell_suspect = false;
  }
  t.chain = chain;
  t.next_page += 1;
  t.written = 0;
  return status;
}

// For the block in work: its cell; or, where that is or may be torn, a record.
ROOST_INLINE Status Store::vouch_for_block(uint32_t chain) {
  Transfer& t = transfer_;
  if (!t.cell_suspect) {
    const Status status = meta_.write_cell(t.slot, t.durable_blocks, chain);
    if (status.ok() || status.is(Error::kFlashBusy)) return status;
    t.cell_suspect = true;
  }
  SlotRecord& slot = keep(t.slot);
  slot.vouched_blocks = t.durable_blocks + 1;
  slot.vouched_chain = chain;
  return commit(Event::kVouched);
}

Status Store::rewind(uint32_t now_ms) {
  if (!manifest_taken() || all_durable()) return Error::kWrongState;
  last_activity_ms_ = now_ms;
  redo_from_durable();
  return Status();
}

void Store::redo_from_durable() {
  charge(open_record(), 1);
  receive_from_durable();
  transfer_.redo_block = true;
}

void Store::receive_from_durable() {
  Transfer& t = transfer_;
  t.phase = Phase::kReceive;
  t.chain = t.durable_chain;
  t.next_page = durable_chunks();
  t.written = 0;
}

Status Store::abandon(uint8_t reason, uint16_t detail) {
  const uint8_t s = receiving() ? transfer_.slot : slot_in(SlotState::kReceiving);
  SlotRecord* slot = edit(s, states(SlotState::kClearing) | states(SlotState::kReceiving));
  if (slot == nullptr) return Error::kWrongState;
  slot->state = SlotState::kUnknown;
  slot->reason = reason;
  slot->detail = detail;
  slot->vouched_blocks = 0;
  return commit(Event::kAbandoned, Phase::kIdle);
}

}  // namespace storage
}  // namespace roost
