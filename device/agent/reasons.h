// One vocabulary for what and why: what storage and runtime answer, as the wire's Reason; a Reason as storage keeps
// it; and the state of a slot as the wire's.
#pragma once

#include "protocol/info.h"
#include "protocol/reason.h"
#include "runtime/report.h"
#include "storage/error.h"
#include "storage/state.h"

namespace roost {
namespace device {

using protocol::Cause;

// Details beyond 16 bits are cut to the largest.
Cause because(protocol::Reason reason, uint32_t detail);

Cause cause_of(storage::Status status);
Cause cause_of(const runtime::Report& report);  // of an error

// Storage keeps one byte and numbers 0 to 15 itself. The wire's numbers end at 192, so all of them fit behind those.
inline uint8_t kept_reason(protocol::Reason reason) {
  return static_cast<uint8_t>(static_cast<uint8_t>(reason) + storage::kReasonCallerFirst);
}
inline protocol::Reason reason_from_kept(uint8_t kept) {
  // kReasonNone, kReasonAttemptsSpent, kReasonDisplaced, kReasonErased, kReasonHangs.
  static const protocol::Reason kStoragesOwn[] = {protocol::Reason::kOk, protocol::Reason::kAttemptsSpent,
                                                  protocol::Reason::kDisplaced, protocol::Reason::kOk,
                                                  protocol::Reason::kWatchdogResets};
  static_assert(storage::kReasonHangs + 1 == sizeof kStoragesOwn, "one for each, in their order");
  return kept < sizeof kStoragesOwn ? kStoragesOwn[kept]
                                    : static_cast<protocol::Reason>(kept - storage::kReasonCallerFirst);
}

// Where the package in a slot stands.
protocol::PackageState package_state(const storage::SlotRecord& slot);

}  // namespace device
}  // namespace roost
