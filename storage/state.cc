#include "storage/state.h"

#include "base/record.h"

namespace roost {
namespace storage {
namespace {

enum : uint8_t { kFlagClean = 1, kFlagSealedByJournal = 2, kFlagsKnown = 3 };

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
                                    record_zeros(4),
                                    kRecordEnd};
const RecordField kSlotFields[] = {ROOST_FIELD(SlotRecord, state),
                                   ROOST_FIELD(SlotRecord, reason),
                                   ROOST_FIELD(SlotRecord, attempts_made),
                                   ROOST_FIELD(SlotRecord, attempts_max),
                                   ROOST_FIELD(SlotRecord, detail),
                                   record_zeros(2),  // the first is the flags
                                   ROOST_FIELD(SlotRecord, generation),
                                   ROOST_FIELD(SlotRecord, package_id),
                                   ROOST_FIELD(SlotRecord, vouched_blocks),
                                   ROOST_FIELD(SlotRecord, vouched_chain),
                                   ROOST_FIELD(SlotRecord, wear_max),
                                   ROOST_FIELD(SlotRecord, wear_total),
                                   record_zeros(4),
                                   kRecordEnd};
constexpr size_t kFlagsOffset = 6;
static_assert(kRejectedIdCount == 4, "kStateFields names them one by one");

}  // namespace

void encode_state(const State& state, uint8_t slot_count, MutableBytes out) {
  ROOST_ASSERT(out.size() == state_bytes(slot_count));
  uint8_t* at = out.data() + store_record(kStateFields, &state, out.data());
  for (uint8_t s = 0; s < slot_count; ++s) {
    const SlotRecord& slot = state.slots[s];
    const size_t size = store_record(kSlotFields, &slot, at);
    at[kFlagsOffset] =
        static_cast<uint8_t>((slot.clean ? kFlagClean : 0) | (slot.sealed_by_journal ? kFlagSealedByJournal : 0));
    at += size;
  }
}

bool decode_state(Bytes bytes, uint8_t slot_count, State& out) {
  if (bytes.size() != state_bytes(slot_count)) return false;
  const uint8_t* at = bytes.data() + load_record(kStateFields, bytes.data(), &out);
  bool good = out.rejected_next < kRejectedIdCount;
  for (uint8_t s = 0; s < slot_count; ++s) {
    SlotRecord& slot = out.slots[s];
    const uint8_t flags = at[kFlagsOffset];
    at += load_record(kSlotFields, at, &slot);
    slot.clean = (flags & kFlagClean) != 0;
    slot.sealed_by_journal = (flags & kFlagSealedByJournal) != 0;
    good = good && slot.state <= SlotState::kRejected && (flags & ~kFlagsKnown) == 0;
  }
  return good;
}

}  // namespace storage
}  // namespace roost
