// What the agent tells the port that carries it, for a log or a display. Wire answers do not depend on it.
#pragma once

#include <stdint.h>

#include "device/agent/reasons.h"
#include "protocol/control.h"

namespace roost {
namespace device {

enum class AgentEvent {
  kModelRuns,    // after a boot or a return: `slot` serves (kNoSlot: the built-in model)
  kNoModel,      // nothing to run
  kSafeMode,     // nothing is invoked: the last resets were all by watchdog
  kModelUnfit,   // at boot: this firmware cannot run the model in `slot`; it is kept
  kAccepted,     // a package comes; value: chunks already durable
  kRefused,      // an offer or a manifest
  kPageRewound,  // value: chunk to start again from
  kStored,       // every chunk durable
  kVerified,     // checked and sealed
  kGivenUp,      // a transfer ended without a package; what is durable is kept for a resume unless it was bad
  kAttempt,      // a swap begins
  kModelsErased,
  kInvokeFailed,  // a confirmed model failed an inference; it goes on serving
  kFlashTrouble,  // an operation of the flash failed; it is tried again

  // Told to the hosts, too, in messages of these types.
  kTrial = static_cast<int>(protocol::MessageType::kActive),
  // The model in `slot` is rejected; what runs is told by kModelRuns.
  kRolledBack = static_cast<int>(protocol::MessageType::kRolledBack),
  kConfirmed = static_cast<int>(protocol::MessageType::kConfirmed),
};

struct AgentNote {
  AgentEvent event;
  uint32_t slot;
  uint32_t package_id;
  Cause cause;
  uint32_t value;  // of a transfer: the chunk it goes on with
};

class AgentObserver {
 public:
  virtual void on_event(const AgentNote& note) = 0;

 protected:
  ~AgentObserver() = default;
};

}  // namespace device
}  // namespace roost
