// Store while a package arrives: open, pages, rewind, abandon.
#include "storage/store.h"

namespace roost {
namespace storage {
namespace {

constexpr uint32_t kNoBlock = 0xFFFFFFFF;

uint32_t divide_up(uint32_t size, uint32_t unit) {
  return size / unit + (size % unit != 0 ? 1 : 0);
}

}  // namespace

// ---- open ----

Result<Opened> Store::open(const PackageInfo& package, OpenFlags flags, uint32_t now_ms) {
  Status status = check_package(package);
  if (!status.ok()) return status.error();
  if (recovery_.wanted) return Error::kBusy;
  status = check_policy(package, flags);
  if (!status.ok()) return status.error();
  refill_budget(now_ms);

  const uint8_t half = slot_in(SlotState::kReceiving);
  if (receiving() && transfer_.package.package_id == package.package_id) {
    status = continue_open(package);
  } else if (half != kNoSlot && sound_[half] && holds_package(half, package)) {
    status = resume(package, half);
  } else {
    const bool idle = now_ms - last_activity_ms_ >= config_.displace_idle_ms;
    if ((receiving() || (half != kNoSlot && sound_[half])) && !idle) return Error::kBusy;
    const uint8_t slot = pick_slot();
    if (slot == kNoSlot) return Error::kNoFreeSlot;
    status = start(package, slot);
  }
  if (!status.ok()) return status.error();
  last_activity_ms_ = now_ms;
  Opened opened;
  opened.slot = transfer_.slot;
  opened.resume_chunk = transfer_.next_page;
  return opened;
}

// Sizes, each bounded by itself before it is added to another.
Status Store::check_package(const PackageInfo& package) const {
  const uint32_t payload_max = layout_.payload_bytes_max();
  if (package.manifest.size() > kManifestBytesMax || package.model_size > payload_max) return Error::kTooLarge;
  if (package.model_size == 0 || package.manifest.empty()) return Error::kBadPackage;
  if (package.body_size == 0) return Status();
  if (package.body_offset < package.model_size) return Error::kBadPackage;
  if (package.body_offset > payload_max || package.body_size > payload_max - package.body_offset) {
    return Error::kTooLarge;
  }
  return Status();
}

Status Store::check_policy(const PackageInfo& package, OpenFlags flags) const {
  const bool force = (flags & kOpenForce) != 0;
  bool rejected = false;
  for (uint32_t id : state_.rejected_ids) rejected = rejected || (id != 0 && id == package.package_id);
  for (uint8_t s = 0; s < config_.slot_count; ++s) {
    const SlotRecord& slot = state_.slots[s];
    if (slot.state == SlotState::kClearing && slot.reason == kReasonErased) return Error::kBusy;
    if (!sound_[s]) continue;
    const bool same = slot.package_id == package.package_id;
    if (slot.state == SlotState::kConfirmed && same && !force) return Error::kAlreadyStored;
    if (!is_unconfirmed(slot.state)) continue;
    if (same && !force) return Error::kAlreadyStored;
    // A pending model that never ran may be forced out; the one to return to is not touched by that.
    if (!force || slot.attempts_made != 0 || slot.state == SlotState::kTrial) return Error::kTrialOpen;
  }
  if (clearing_.slot != kNoSlot) return Error::kBusy;
  if (rejected && !force) return Error::kRejectedBefore;
  if (package.counter < state_.counter_floor) return Error::kCounterTooLow;
  return Status();
}

// The slot that is missed least, or kNoSlot: lower ranks first, among equals the one erased less often.
uint8_t Store::pick_slot() const {
  constexpr uint8_t kNever = 100;
  // By SlotState. A receiving one is displaced: only one package arrives at a time. One that is pending was forced
  // out or is not sound, one on trial is not sound: check_policy let nothing else pass.
  static const uint8_t kRanks[] = {3, 3, 2, 0, 1, 1, kNever, 6, 4};
  static_assert(sizeof kRanks == 1 + static_cast<size_t>(SlotState::kRejected), "one for each state");
  uint8_t best = kNoSlot;
  uint8_t best_rank = kNever;
  for (uint8_t s = 0; s < config_.slot_count; ++s) {
    if (s == held_slot_) continue;
    const SlotRecord& slot = state_.slots[s];
    uint8_t rank = kRanks[static_cast<uint8_t>(slot.state)];
    if (slot.state == SlotState::kConfirmed) rank = sound_[s] ? kNever : 5;
    if (rank > best_rank || rank == kNever) continue;
    if (rank == best_rank && slot.wear_total >= state_.slots[best].wear_total) continue;
    best = s;
    best_rank = rank;
  }
  return best;
}

bool Store::holds_package(uint8_t slot, const PackageInfo& package) {
  MetaHeader header;
  return meta_.read_header(slot, header) && header.package_id == package.package_id &&
         header.manifest_size == package.manifest.size() && header.model_size == package.model_size &&
         header.body_offset == package.body_offset && header.body_size == package.body_size &&
         meta_.manifest_is(slot, package.manifest);
}

// A new package. The record comes first: from here on the slot holds nothing, whatever it reads.
Status Store::start(const PackageInfo& package, uint8_t s) {
  const bool clean = state_.slots[s].state == SlotState::kErased;
  const uint32_t blocks = divide_up(package.payload_size(), layout_.block_bytes);
  const uint32_t cost = clean ? 0 : layout_.meta_blocks + blocks;
  if (cost > state_.erase_budget) return Error::kEraseBudget;
  State next = state_;
  for (SlotRecord& other : next.slots) {
    if (other.state == SlotState::kReceiving || is_unconfirmed(other.state)) {
      other.state = SlotState::kUnknown;
      other.reason = kReasonDisplaced;
    }
  }
  clear_slot(next, s, kReasonNone);
  charge(next, s, cost);
  SlotRecord& slot = next.slots[s];
  slot.generation = ++next.generation;
  slot.package_id = package.package_id;
  slot.attempts_max = package.attempts == 0 ? 1 : package.attempts;
  const Status status = commit(next, Event::kClearing);
  if (!status.ok()) return status;
  sound_[s] = false;
  begin_transfer(package, s);
  transfer_.clean = clean;
  transfer_.phase = clean ? Phase::kWriteMeta : Phase::kClearMeta;
  return status;
}

// The first offer after a boot of what was half received before it. Recording the durable count makes firm what may
// rest on a cell that was torn and reads valid only now.
Status Store::resume(const PackageInfo& package, uint8_t s) {
  const uint32_t blocks = divide_up(package.payload_size(), layout_.block_bytes);
  const uint32_t durable = recovery_.durable_blocks;
  const uint32_t chain = recovery_.durable_chain;
  const bool clean = state_.slots[s].clean;
  const uint32_t ahead = clean ? 1 : 1u + config_.erase_ahead_blocks;
  const uint32_t cost = blocks - durable < ahead ? blocks - durable : ahead;
  if (cost > state_.erase_budget) return Error::kEraseBudget;
  State next = state_;
  next.slots[s].vouched_blocks = durable;
  next.slots[s].vouched_chain = chain;
  charge(next, s, cost);
  const Status status = commit(next, Event::kResumed);
  if (!status.ok()) return status;
  begin_transfer(package, s);
  Transfer& t = transfer_;
  t.package.manifest = Bytes();
  t.phase = Phase::kReceive;
  t.clean = clean;
  t.durable_blocks = durable;
  t.durable_chain = t.chain = chain;
  t.next_page = durable_chunks();
  t.suspect_block = durable;
  t.erased_blocks = clean ? blocks : durable;
  t.redo_block = clean && durable < blocks;
  return status;
}

// The same package is offered while it is open: the link was lost, or another host goes on with it.
Status Store::continue_open(const PackageInfo& package) {
  Transfer& t = transfer_;
  if (t.phase != Phase::kReceive) {
    // Nothing of it is in flash yet: what counts is that it takes the blocks that were charged for.
    if (package.payload_size() != t.package.payload_size()) return Error::kBusy;
    t.package = package;
  } else {
    if (!holds_package(t.slot, package)) return Error::kBusy;
    if (t.next_page != durable_chunks() || t.written != 0) {
      if (state_.erase_budget == 0) return Error::kEraseBudget;
      redo_from_durable();
    }
  }
  return Status();
}

// Nothing is open, and nothing half received is known of.
void Store::forget_transfer() {
  transfer_ = Transfer();
  recovery_ = Recovery();
}

void Store::begin_transfer(const PackageInfo& package, uint8_t slot) {
  forget_transfer();
  transfer_.slot = slot;
  transfer_.package = package;
  transfer_.chunk_count = divide_up(package.payload_size(), layout_.chunk_bytes);
  transfer_.block_count = divide_up(package.payload_size(), layout_.block_bytes);
  transfer_.suspect_block = kNoBlock;
}

// ---- pages ----

uint32_t Store::durable_chunks() const {
  const uint32_t chunks = transfer_.durable_blocks * layout_.chunks_per_block;
  return chunks < transfer_.chunk_count ? chunks : transfer_.chunk_count;
}

uint32_t Store::chunk_size(uint32_t page) const {
  if (page + 1 < transfer_.chunk_count) return layout_.chunk_bytes;
  return transfer_.package.payload_size() - (transfer_.chunk_count - 1) * layout_.chunk_bytes;
}

bool Store::page_ready(uint32_t page) const {
  const uint32_t block = page / layout_.chunks_per_block;
  if (transfer_.phase != Phase::kReceive || block >= transfer_.erased_blocks) return false;
  return !(transfer_.redo_block && block == transfer_.durable_blocks);
}

Status Store::program(uint32_t page, uint32_t offset, Bytes bytes, uint32_t now_ms) {
  Transfer& t = transfer_;
  if (t.phase != Phase::kReceive || page >= t.chunk_count || page != t.next_page) return Error::kWrongState;
  if (!page_ready(page)) return Error::kNotReady;
  const uint32_t page_bytes = layout_.round_up_to_unit(chunk_size(page));
  if (offset != t.written || bytes.size() % layout_.unit_bytes != 0 || bytes.size() > page_bytes - offset) {
    return Error::kMisuse;
  }
  if (bytes.empty()) return Status();
  last_activity_ms_ = now_ms;
  const uint32_t at = layout_.payload_offset(t.slot) + page * layout_.chunk_bytes + offset;
  const Status status = flash_.program(at, bytes);
  if (status.ok()) t.written += static_cast<uint32_t>(bytes.size());
  return status;
}

Result<uint32_t> Store::close_page(uint32_t page, uint32_t true_size, uint32_t crc) {
  Transfer& t = transfer_;
  if (t.phase != Phase::kReceive || page >= t.chunk_count || page != t.next_page) return Error::kWrongState;
  if (true_size != chunk_size(page) || t.written < true_size) return Error::kWrongState;
  const Result<uint32_t> read_back = page_crc(t.slot, t.package.package_id, page, true_size);
  if (read_back.error() == Error::kFlashBusy) return Error::kFlashBusy;
  if (!read_back.ok() || read_back.value() != crc) return Error::kReadBack;

  const uint32_t chain = chain_next(t.chain, crc);
  const bool ends_block = page + 1 == t.chunk_count || (page + 1) % layout_.chunks_per_block == 0;
  if (ends_block) {
    const Status status = vouch_for_block(t.durable_blocks, chain);
    if (!status.ok()) return status.error();
    t.durable_blocks += 1;
    t.durable_chain = chain;
  }
  t.chain = chain;
  t.next_page += 1;
  t.written = 0;
  return durable_chunks();
}

// Its cell; or, where that is or may be torn, a record.
Status Store::vouch_for_block(uint32_t block, uint32_t chain) {
  if (block != transfer_.suspect_block) {
    const Status status = meta_.write_cell(transfer_.slot, block, chain);
    if (status.ok() || status.error() == Error::kFlashBusy) return status;
    transfer_.suspect_block = block;
  }
  State next = state_;
  next.slots[transfer_.slot].vouched_blocks = block + 1;
  next.slots[transfer_.slot].vouched_chain = chain;
  return commit(next, Event::kVouched);
}

Result<uint32_t> Store::rewind(uint32_t page, uint32_t now_ms) {
  Transfer& t = transfer_;
  if (t.phase != Phase::kReceive || page < durable_chunks() || page > t.next_page || page >= t.chunk_count) {
    return Error::kWrongState;
  }
  last_activity_ms_ = now_ms;
  redo_from_durable();
  return t.next_page;
}

void Store::redo_from_durable() {
  Transfer& t = transfer_;
  charge(state_, t.slot, 1);  // recorded along with whatever comes next
  t.chain = t.durable_chain;
  t.next_page = durable_chunks();
  t.written = 0;
  t.redo_block = true;
}

Status Store::abandon(uint8_t reason, uint16_t detail) {
  const uint8_t s = receiving() ? transfer_.slot : slot_in(SlotState::kReceiving);
  if (s == kNoSlot) return Error::kWrongState;
  State next = state_;
  next.slots[s].state = SlotState::kUnknown;
  next.slots[s].reason = reason;
  next.slots[s].detail = detail;
  next.slots[s].vouched_blocks = 0;
  const Status status = commit(next, Event::kAbandoned);
  if (!status.ok()) return status;
  forget_transfer();
  sound_[s] = false;
  return status;
}

}  // namespace storage
}  // namespace roost
