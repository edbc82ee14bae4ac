#include "storage/state.h"

#include "base/bytes.h"

namespace roost {
namespace storage {
namespace {

enum : uint8_t { kFlagClean = 1, kFlagSealedByJournal = 2, kFlagsKnown = 3 };

void encode_slot(const SlotRecord& slot, ByteWriter& w) {
  w.u8(static_cast<uint8_t>(slot.state));
  w.u8(slot.reason);
  w.u8(slot.attempts_made);
  w.u8(slot.attempts_max);
  w.u16(slot.detail);
  w.u8(static_cast<uint8_t>((slot.clean ? kFlagClean : 0) | (slot.sealed_by_journal ? kFlagSealedByJournal : 0)));
  w.u8(0);
  w.u32(slot.generation);
  w.u32(slot.package_id);
  w.u32(slot.vouched_blocks);
  w.u32(slot.vouched_chain);
  w.u32(slot.wear_max);
  w.u32(slot.wear_total);
  w.u32(0);
}

bool decode_slot(ByteReader& r, SlotRecord& slot) {
  const uint8_t state = r.u8();
  slot.state = static_cast<SlotState>(state);
  slot.reason = r.u8();
  slot.attempts_made = r.u8();
  slot.attempts_max = r.u8();
  slot.detail = r.u16();
  const uint8_t flags = r.u8();
  slot.clean = (flags & kFlagClean) != 0;
  slot.sealed_by_journal = (flags & kFlagSealedByJournal) != 0;
  r.u8();
  slot.generation = r.u32();
  slot.package_id = r.u32();
  slot.vouched_blocks = r.u32();
  slot.vouched_chain = r.u32();
  slot.wear_max = r.u32();
  slot.wear_total = r.u32();
  r.u32();
  return state <= static_cast<uint8_t>(SlotState::kRejected) && (flags & ~kFlagsKnown) == 0;
}

}  // namespace

void encode_state(const State& state, uint8_t slot_count, MutableBytes out) {
  ByteWriter w(out);
  w.u32(state.generation);
  w.u64(state.counter_floor);
  w.u32(state.erase_budget);
  w.u8(state.watchdog_run);
  w.u8(state.rejected_next);
  w.u16(0);
  for (uint32_t id : state.rejected_ids) w.u32(id);
  w.u32(0);
  for (uint8_t s = 0; s < slot_count; ++s) encode_slot(state.slots[s], w);
  ROOST_ASSERT(w.ok() && w.size() == state_bytes(slot_count));
}

bool decode_state(Bytes bytes, uint8_t slot_count, State& out) {
  if (bytes.size() != state_bytes(slot_count)) return false;
  ByteReader r(bytes);
  out.generation = r.u32();
  out.counter_floor = r.u64();
  out.erase_budget = r.u32();
  out.watchdog_run = r.u8();
  out.rejected_next = r.u8();
  r.u16();
  for (uint32_t& id : out.rejected_ids) id = r.u32();
  r.u32();
  bool good = out.rejected_next < kRejectedIdCount;
  for (uint8_t s = 0; s < slot_count; ++s) good = decode_slot(r, out.slots[s]) && good;
  return good && r.ok();
}

}  // namespace storage
}  // namespace roost
