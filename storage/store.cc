#include "storage/store.h"

#include <string.h>

namespace roost {
namespace storage {
namespace {

bool is_sealed(SlotState state) {
  return is_unconfirmed(state) || state == SlotState::kConfirmed || state == SlotState::kRetired ||
         state == SlotState::kRejected;
}

}  // namespace

Store::Store(Flash& flash, Digest& digest, const StoreConfig& config, bool has_builtin, MutableBytes scratch)
    : has_builtin_(has_builtin),
      config_(config),
      flash_(flash),
      digest_(digest),
      scratch_(scratch),
      journal_(flash, scratch),
      meta_(flash, digest, scratch) {}

// ---- boot ----

Status Store::mount(uint32_t now_ms) {
  const Result<Layout> layout = make_layout(flash_.geometry(), config_.slot_count, config_.chunk_bytes);
  if (!layout.ok()) return layout.error();
  if (scratch_.size() < scratch_bytes(flash_.geometry())) return Error::kScratchTooSmall;
  layout_ = layout.value();
  meta_.set_layout(layout_);
  forget_transfer();
  clearing_ = Clearing();
  verify_ = Verify();
  slicing_ = 0xFFFFFFFF;
  held_slot_ = kNoSlot;
  wipe_charged_ = false;
  last_activity_ms_ = settled_ms_ = refilled_ms_ = now_ms;

  state_ = State();
  state_.erase_budget = budget_max();
  if (!journal_.mount(layout_, state_)) state_ = state_without_journal();
  if (state_.erase_budget > budget_max()) state_.erase_budget = budget_max();
  for (uint8_t s = 0; s < config_.slot_count; ++s) sound_[s] = check_sound(s);
  start_recovery();
  return Status();
}

// Header, and where the state wants one the seal, read well and belong to the record. A read may fail once (an
// unstable bit, a busy part), and a model is not given up for that.
bool Store::check_sound(uint8_t slot) {
  const SlotRecord& record = state_.slots[slot];
  if (!is_sealed(record.state) && record.state != SlotState::kReceiving) return false;
  constexpr int kTries = 3;
  for (int tries = 0; tries < kTries; ++tries) {
    MetaHeader header;
    if (!meta_.read_header(slot, header)) continue;
    if (header.generation != record.generation || header.package_id != record.package_id) return false;
    if (!is_sealed(record.state) || record.sealed_by_journal || meta_.sealed(slot, header)) return true;
  }
  return false;
}

// No journal: first boot, or the flash lost it. Seals in the metas say what is whole. The newest such model may
// have been unconfirmed, so it goes on probation with the next newest to fall back to; a single one is all there
// is.
State Store::state_without_journal() {
  State state;
  state.erase_budget = budget_max();
  uint8_t newest = kNoSlot;
  uint8_t second = kNoSlot;
  for (uint8_t s = 0; s < config_.slot_count; ++s) {
    MetaHeader header;
    if (!meta_.read_header(s, header)) continue;
    if (header.generation > state.generation) state.generation = header.generation;
    if (!meta_.sealed(s, header)) continue;
    SlotRecord& slot = state.slots[s];
    slot.state = SlotState::kRetired;
    slot.generation = header.generation;
    slot.package_id = header.package_id;
    slot.attempts_max = header.attempts;
    if (newest == kNoSlot || slot.generation > state.slots[newest].generation) {
      second = newest;
      newest = s;
    } else if (second == kNoSlot || slot.generation > state.slots[second].generation) {
      second = s;
    }
  }
  if (newest == kNoSlot) return state;
  const uint8_t confirmed = second == kNoSlot ? newest : second;
  if (second != kNoSlot) state.slots[newest].state = SlotState::kPending;
  state.slots[confirmed].state = SlotState::kConfirmed;
  MetaHeader header;
  if (meta_.read_header(confirmed, header)) state.counter_floor = header.counter;
  return state;
}

BootInput Store::boot_input(ResetCause cause) const {
  BootInput input = {};
  input.slot_count = config_.slot_count;
  input.has_builtin = has_builtin_;
  input.watchdog_run_max = config_.watchdog_run_max;
  input.cause = cause;
  for (uint8_t s = 0; s < config_.slot_count; ++s) input.sound[s] = sound_[s];
  return input;
}

BootChoice Store::boot(ResetCause cause) {
  State next = state_;
  const BootDecision decision = decide_boot(boot_input(cause), next);
  if (decision.repair) {
    const Event event = cause == ResetCause::kWatchdog ? Event::kWatchdog : Event::kRejected;
    if (!commit(next, event).ok()) state_ = next;
  } else if (journal_.exists() && !journal_.firm()) {
    (void)commit(next, Event::kFirm);  // a failed write: the next boot, or the next record, does it
  }
  return decision.choice;
}

BootChoice Store::choice() const {
  State scratch = state_;
  return decide_boot(boot_input(ResetCause::kOther), scratch).choice;
}

Status Store::healthy() {
  if (state_.watchdog_run == 0) return Status();
  State next = state_;
  next.watchdog_run = 0;
  return commit(next, Event::kHealthy);
}

Status Store::commit(const State& next, Event event) {
  const Status status = journal_.append(next, event);
  if (status.ok()) state_ = next;
  return status;
}

// ---- erase budget ----

uint32_t Store::budget_max() const {
  return config_.erase_budget_blocks != 0 ? config_.erase_budget_blocks : 16 * layout_.slot_blocks;
}

uint32_t Store::erase_budget(uint32_t now_ms) const {
  const uint32_t credit = config_.budget_refill_ms == 0 ? 0 : (now_ms - refilled_ms_) / config_.budget_refill_ms;
  const uint32_t room = budget_max() - state_.erase_budget;
  return state_.erase_budget + (credit < room ? credit : room);
}

// In memory only: it is recorded along with whatever is recorded next.
void Store::refill_budget(uint32_t now_ms) {
  if (config_.budget_refill_ms == 0) return;
  const uint32_t credit = (now_ms - refilled_ms_) / config_.budget_refill_ms;
  state_.erase_budget = erase_budget(now_ms);
  refilled_ms_ += credit * config_.budget_refill_ms;
}

void Store::charge(State& state, uint8_t slot, uint32_t blocks) {
  state.erase_budget -= blocks < state.erase_budget ? blocks : state.erase_budget;
  if (blocks == 0) return;
  state.slots[slot].wear_max += 1;
  state.slots[slot].wear_total += blocks;
}

// ---- queries ----

uint8_t Store::slot_in(SlotState state) const {
  uint8_t found = kNoSlot;
  for (uint8_t s = 0; s < config_.slot_count; ++s) {
    if (state_.slots[s].state != state) continue;
    if (found == kNoSlot || state_.slots[s].generation > state_.slots[found].generation) found = s;
  }
  return found;
}

SlotInfo Store::slot_info(uint8_t slot) {
  SlotInfo info;
  if (slot >= config_.slot_count) return info;
  static_cast<SlotRecord&>(info) = state_.slots[slot];
  if (receiving() && transfer_.slot == slot) {
    info.durable_chunks = durable_chunks();
  } else if (recovery_.slot == slot) {
    info.durable_chunks = recovery_.durable_blocks * layout_.chunks_per_block;
  }
  MetaHeader header;
  if (!sound_[slot] || !meta_.read_header(slot, header)) return info;
  info.sound = true;
  info.counter = header.counter;
  info.model_sha256 = header.model_sha256;
  info.manifest = Bytes(flash_.mapped() + meta_.manifest_offset(slot), header.manifest_size);
  const bool verified = receiving() && transfer_.slot == slot && transfer_.verified;
  if (!is_sealed(info.state) && !verified) return info;
  const uint8_t* payload = flash_.mapped() + layout_.payload_offset(slot);
  info.model = Bytes(payload, header.model_size);
  if (header.body_size != 0) info.body = Bytes(payload + header.body_offset, header.body_size);
  return info;
}

}  // namespace storage
}  // namespace roost
