#include "storage/state.h"

#include "base/record.h"

namespace roost {
namespace storage {
namespace {

const RecordField kStateFields[] = {ROOST_FIELD(State, generation),
                                    ROOST_FIELD(State, counter_floor),
                                    ROOST_FIELD(State, erase_budget),
                                    ROOST_FIELD(State, watchdog_run),
                                    ROOST_FIELD(State, rejected_next),
                                    record_zeros(2),
                                    ROOST_FIELD(State, rejected_ids[0]),
                                    ROOST_FIELD(State, rejected_ids[1]),
                                    ROOST_FIELD(State, rejected_ids[2]),
                                    ROOST_FIELD(State, rejected_ids[3]),
                                    kRecordEnd};
const RecordField kSlotFields[] = {ROOST_FIELD(SlotRecord, state),
                                   ROOST_FIELD(SlotRecord, reason),
                                   ROOST_FIELD(SlotRecord, attempts_made),
                                   ROOST_FIELD(SlotRecord, attempts_max),
                                   ROOST_FIELD(SlotRecord, detail),
                                   ROOST_FIELD(SlotRecord, flags),
                                   record_zeros(1),
                                   ROOST_FIELD(SlotRecord, generation),
                                   ROOST_FIELD(SlotRecord, package_id),
                                   ROOST_FIELD(SlotRecord, durable_chunks),
                                   ROOST_FIELD(SlotRecord, wear_max),
                                   ROOST_FIELD(SlotRecord, wear_total),
                                   kRecordEnd};
static_assert(kRejectedIdCount == 4, "kStateFields names them one by one");

}  // namespace

uint8_t newest_slot(const State& state, SlotStates states, uint32_t package_id, bool sound) {
  uint8_t found = kNoSlot;
  uint32_t newest = 0;
  for (uint8_t s = 0; s < kSlotCountMax; ++s) {
    const SlotRecord& slot = state.slots[s];
    if (!is_in(slot.state, states) || slot.sound < sound || slot.generation < newest) continue;
    if (package_id != 0 && slot.package_id != package_id) continue;
    found = s;
    newest = slot.generation;
  }
  return found;
}

void encode_state(const State& state, uint8_t* out) {
  out = store_record(kStateFields, &state, out);
  for (const SlotRecord& slot : state.slots) out = store_record(kSlotFields, &slot, out);
}

void decode_state(const uint8_t* bytes, uint8_t slot_count, State& out) {
  bytes = load_record(kStateFields, bytes, &out);
  out.rejected_next %= kRejectedIdCount;
  for (SlotRecord& slot : out.slots) {
    bytes = load_record(kSlotFields, bytes, &slot);
    const bool known = &slot < out.slots + slot_count && slot.state <= SlotState::kRejected;
    if (!known) slot.state = SlotState::kUnknown;
  }
}

}  // namespace storage
}  // namespace roost
