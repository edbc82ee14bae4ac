// One vocabulary for why: what storage and runtime answer, as the wire's Reason; and a Reason as storage keeps it.
#pragma once

#include "protocol/reason.h"
#include "runtime/report.h"
#include "storage/error.h"
#include "storage/state.h"

namespace roost {
namespace device {

// A reason with the number that goes with it (protocol/reason.h says which). Aligned so that it travels in a
// register.
struct alignas(4) Cause {
  protocol::Reason reason = protocol::Reason::kOk;
  uint16_t detail = 0;

  bool ok() const { return reason == protocol::Reason::kOk; }
};

// Details beyond 16 bits are cut to the largest.
Cause because(protocol::Reason reason, uint32_t detail = 0);

Cause cause_of(storage::Error error);
Cause cause_of(const runtime::Report& report);
Cause cause_of(runtime::Error error, const runtime::Report& report);

// Storage keeps one byte and numbers 0 to 15 itself.
uint8_t kept_reason(protocol::Reason reason);
protocol::Reason reason_from_kept(uint8_t kept);

}  // namespace device
}  // namespace roost
