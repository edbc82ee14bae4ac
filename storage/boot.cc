#include "storage/boot.h"

namespace roost {
namespace storage {

void reject_slot(State& state, SlotRecord& slot, uint8_t reason, uint16_t detail) {
  slot.state = SlotState::kRejected;
  slot.reason = reason;
  slot.detail = detail;
  state.rejected_ids[state.rejected_next] = slot.package_id;
  state.rejected_next = static_cast<uint8_t>((state.rejected_next + 1) % kRejectedIdCount);
  state.watchdog_run = 0;  // its hangs are not held against the model that runs next
}

bool count_reset(State& state, ResetCause cause, uint8_t watchdog_run_max) {
  bool changed = false;
  if (cause == ResetCause::kWatchdog && state.watchdog_run < watchdog_run_max) {
    ++state.watchdog_run;
    changed = true;
  }
  for (SlotRecord& slot : state.slots) {
    if (!is_in(slot.state, kUnconfirmed)) continue;
    Reason reason = kReasonHangs;
    if (slot.attempts_made >= slot.attempts_max) {
      reason = kReasonAttemptsSpent;
    } else if (slot.attempts_made == 0 || state.watchdog_run < watchdog_run_max) {
      continue;
    }
    reject_slot(state, slot, reason, 0);
    changed = true;
  }
  return changed;
}

}  // namespace storage
}  // namespace roost
