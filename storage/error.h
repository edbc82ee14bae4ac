// Every error of storage/, one closed list: when it happens and what the caller does about it.
#pragma once

#include <stdint.h>

#include "base/result.h"

namespace roost {
namespace storage {

enum class Error : uint8_t {
  kNone = 0,

  // From a Flash. Store passes them on when it could not work around them.
  kMisuse,      // unaligned, outside the region, too many programs of a unit, or a bit against the grain: our bug
  kReadFailed,  // the bytes cannot be read (an ECC fault): whatever stood there is lost
  kProgramFailed,  // the part says so, or the read-back differs: the unit is spoiled until it is erased
  kEraseFailed,    // the part says so: the block's content is undefined; erase again, then give up
  kFlashBusy,      // an operation is still running, or the radio stack refuses just now: the same call again, later
  kNoPower,        // simulated flash only: the power was cut

  // From Store::mount.
  kBadGeometry,  // the region cannot hold this configuration: a mistake in the port, nothing works
  kScratchTooSmall,

  // From Store::open: why a package is refused. A refusal cost no erase, no program and no record.
  kTooLarge,        // manifest or payload larger than a slot holds
  kBadPackage,      // sizes or offsets that contradict one another
  kTrialOpen,       // a model is pending or on trial: confirm it or roll it back first
  kBusy,            // another package is half received and not idle for long: later
  kEraseBudget,     // the erase budget is spent: later (Store::erase_budget says how much there is)
  kRejectedBefore,  // this package was rejected before; kOpenForce overrides
  kAlreadyStored,   // this package is in a slot, sealed; kOpenForce installs it again
  kCounterTooLow,   // counter below the floor; nothing overrides
  kNoFreeSlot,      // every slot is running, confirmed or held

  // From the rest of Store.
  kWrongState,         // not now: nothing open, slot not in the state named by the function; changes nothing
  kNotReady,           // the page's block is not erased yet, or clearing slots comes first: work()
  kReadBack,           // the page reads back differently from its CRC: rewind(page), send again
  kDigestMismatch,     // verify: the bytes in flash are not those the manifest promises: abandon()
  kAttemptsSpent,      // the model had all its attempts: reject() it
  kNothingToReturnTo,  // reject, of the confirmed model: no previous one and no built-in one
  kInUse,              // the runtime still holds a slot that would be erased: release it first
};

using Status = roost::Status<Error>;
template <typename T>
using Result = roost::Result<T, Error>;

}  // namespace storage
}  // namespace roost
