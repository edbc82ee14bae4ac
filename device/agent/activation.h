// Which model runs: joins the store, which remembers, with the model host, which runs.
//
// The order of every write is the point: `attempt` is in flash before the first prepare of an unconfirmed model,
// `trial` before the host hears of it, `confirmed` before the previous model is forgotten, `rejected` after the
// previous model serves again. A power cut between any two leaves a model to run (storage/LAYOUT.md, boot table).
//
//   goal       is there until                                   then                      or, if it fails
//   kNothing   -                                                -                         -
//   kSafeMode  somebody asks for a model again                  -                         -
//   kBoot      the model host runs one                          kBooted                   the next: confirmed,
//                                                                                         retired, built-in; none:
//                                                                                         kBooted
//   kBooted    what is to be attempted has begun to be          kAttempt                  kNothing
//   kAttempt   the candidate serves, and its trial is recorded  kNothing                  kReject
//   kRollBack  the model before serves, and the store has       kNothing                  nothing changed: kNothing
//              rolled back
//   kReject    its record is in flash                           kNothing; kBoot, if none  kNothing: attempts run out
//                                                               serves
//
// Everything happens in step(), one slice a call, on the thread that also invokes. Borrows all it is given.
#pragma once

#include "device/agent/body_vectors.h"
#include "device/agent/config.h"
#include "protocol/info.h"
#include "protocol/manifest.h"

namespace roost {
namespace device {

// What the manifest of a slot's package says; nothing, where it does not read.
protocol::ManifestView manifest_of(const storage::SlotInfo& slot);

class Activation {
 public:
  // Hosts hear of changes through the receiver.
  Activation(storage::Store& store, runtime::ModelHost& host, protocol::Receiver& receiver,
             const AgentConfig& config)
      : store_(store), host_(host), receiver_(receiver), config_(config) {}

  // After Store::mount: decides what to run and begins to.
  void boot(storage::ResetCause cause);

  // ACTIVATE, CONFIRM, ROLLBACK and ERASE_MODELS. kOk: done or begun; what comes of it is told by state changes.
  // Each is idempotent: asked again, it finds itself done.
  Cause activate(uint32_t package_id);
  Cause confirm(uint32_t package_id, uint32_t now_ms);
  Cause roll_back(protocol::Reason asked_by);
  Cause erase_models(uint32_t now_ms);

  // One slice. True: there is more to do at once.
  bool step(uint32_t now_ms);
  bool busy() const { return goal_ > Goal::kSafeMode; }

  // The host's request to roll back is being tried: it is answered here, once it is known whether the model before
  // still runs.
  bool answers_later() const { return answers_later_; }

  // A record that is due could not be written yet, most often for a busy flash: step() tries again then.
  bool waits() const { return waits_; }
  uint32_t waits_until_ms() const { return again_at_ms_; }

  // One inference of what serves, counted. kOk, or why not.
  runtime::Status invoke();

  // The slot that serves: an index, protocol::kRunningBuiltIn or protocol::kRunningNone.
  uint8_t running() const { return running_; }
  bool safe_mode() const { return goal_ == Goal::kSafeMode; }
  // Why the last return to an older model happened; kOk when none did since the boot.
  Cause last_return() const { return last_return_; }

  // Tells the port about the package in a slot, or about none.
  void note(AgentEvent event, uint8_t slot, Cause cause = Cause()) const;

 private:
  // From kBooted on there is something to do. From kRollBack on, what fails leaves nothing to be recorded.
  enum class Goal : uint8_t { kNothing, kSafeMode, kBooted, kAttempt, kReject, kRollBack, kBoot };

  uint8_t find(storage::SlotStates states, uint32_t package_id) const;
  storage::SlotState state_of(uint8_t slot) const { return store_.state().slots[slot].state; }

  bool begin(Goal goal, uint8_t slot);
  Cause begin_attempt(uint8_t slot);
  void run_something();
  void run_next();

  void handle(runtime::HostEvent event);
  void handle_failure();
  bool write_due(uint32_t now_ms);
  bool attempt_at_boot();
  Cause reject(uint8_t slot, Cause cause);
  void give_up(Cause cause);
  void finish(Cause cause);
  void follow();

  // Small members first: the shorter instructions reach only so far.
  Goal goal_ = Goal::kNothing;
  bool waits_ = false;  // for the flash, until again_at_ms_
  bool answers_later_ = false;
  uint8_t next_to_run_ = 0;                // kBoot: of the list in run_next
  uint8_t to_attempt_ = storage::kNoSlot;  // what the boot found: once its model serves, or there is none
  uint8_t candidate_ = 0;                  // being run, attempted or returned to
  uint8_t running_ = protocol::kRunningNone;
  uint32_t again_at_ms_ = 0;
  Cause because_;  // why the candidate is given up, or the one that runs left
  Cause last_return_;

  storage::Store& store_;
  runtime::ModelHost& host_;
  protocol::Receiver& receiver_;
  const AgentConfig& config_;
  BodyVectors vectors_;  // of the candidate: nothing is tested once it serves
};

}  // namespace device
}  // namespace roost
