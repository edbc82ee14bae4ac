// Which model runs: joins the store, which remembers, with the model host, which runs.
//
// The order of every write is the point: `attempt` is in flash before the first prepare of an unconfirmed model,
// `trial` before the host hears of it, `confirmed` before the previous model is forgotten, `rejected` after the
// previous model serves again. A power cut between any two leaves a model to run (storage/LAYOUT.md, boot table).
//
//   goal            is there until                  then                       or, if it fails
//   kNothing        -                               -                          -
//   kBoot           the model host runs one         kNothing, then what is     the fallback, the built-in, none
//                                                   to be attempted
//   kAttempt        the candidate serves            kRecordTrial               kReject
//   kRecordTrial    the trial record is in flash    kNothing                   given up: kReject
//   kReject         its record is in flash          kNothing; kBoot, if none   kNothing: attempts run out
//                                                   serves
//   kRollBack       the model before serves         kRecordReturn              nothing changed: kNothing
//   kRecordReturn   the store has rolled back       kNothing                   nothing changed: kNothing
//
// Everything happens in step(), one slice a call, on the thread that also invokes. Borrows all it is given.
#pragma once

#include "device/agent/body_vectors.h"
#include "device/agent/config.h"
#include "protocol/info.h"

namespace roost {
namespace device {

class Activation {
 public:
  // Hosts hear of changes through the receiver.
  Activation(storage::Store& store, runtime::ModelHost& host, protocol::Receiver& receiver,
             const AgentConfig& config)
      : store_(store), host_(host), receiver_(receiver), config_(config) {}

  // After Store::mount and its recovery: decides what to run and begins to.
  void boot(storage::ResetCause cause);

  // ACTIVATE, CONFIRM, ROLLBACK and ERASE_MODELS. kOk: done or begun; what comes of it is told by state changes.
  // Each is idempotent: asked again, it finds itself done.
  Cause activate(uint32_t package_id);
  Cause confirm(uint32_t package_id, uint32_t now_ms);
  Cause roll_back(protocol::Reason asked_by);
  Cause erase_models(uint32_t now_ms);

  // One slice. `scratch` may be empty while wants_scratch() is false.
  void step(MutableBytes scratch, uint32_t now_ms);
  bool wants_scratch() const { return host_.needs_scratch(); }
  bool busy() const { return goal_ != Goal::kNothing || attempt_next_ != storage::kNoSlot; }

  // The host's request to roll back is being tried: it is answered here, once it is known whether the model before
  // still runs.
  bool answers_later() const { return answers_later_; }

  // The flash was busy when a record was due: step() tries again then.
  bool waits() const { return waits_; }
  uint32_t waits_until_ms() const { return again_at_ms_; }

  // One inference of what serves, counted. kOk, or why not.
  runtime::Status invoke();

  // The slot that serves: an index, protocol::kRunningBuiltIn or protocol::kRunningNone.
  uint8_t running() const { return running_; }
  bool safe_mode() const { return safe_mode_; }
  // Why the last return to an older model happened; kOk when none did since the boot.
  Cause last_return() const { return last_return_; }

  // Tells the port about the package in a slot, or about none.
  void note(AgentEvent event, uint8_t slot, Cause cause = Cause()) const;

 private:
  enum class Goal : uint8_t { kNothing, kBoot, kAttempt, kRecordTrial, kReject, kRollBack, kRecordReturn };

  bool rolling_back() const { return goal_ == Goal::kRollBack || goal_ == Goal::kRecordReturn; }
  uint32_t package_in(uint8_t slot) const;
  uint8_t find(storage::SlotState state, uint32_t package_id) const;
  void tell(protocol::MessageType type, uint8_t slot, Cause cause = Cause()) const;
  void announce(AgentEvent event, protocol::MessageType type, uint8_t slot, Cause cause = Cause()) const;
  void announce_return(uint8_t left);
  bool tell_confirmed(uint32_t package_id) const;

  bool begin(Goal goal, uint8_t slot);
  Cause begin_attempt(uint8_t slot);
  void run_choice(storage::BootChoice choice);
  void run_something();
  void run_next();

  void handle(runtime::HostEvent event);
  void handle_failure(runtime::Error reason);
  void write_due(uint32_t now_ms);
  Cause record_trial();
  Cause record_return();
  Cause reject(uint8_t slot, Cause cause);
  void give_up(Cause cause);
  void end_roll_back(Cause cause);
  void follow_return();
  void hold(uint8_t slot);
  void now_serves(uint8_t slot);

  // Small members first: the shorter instructions reach only so far.
  Goal goal_ = Goal::kNothing;
  bool safe_mode_ = false;
  bool confirm_due_ = false;  // by policy
  bool waits_ = false;        // until again_at_ms_
  bool answers_later_ = false;
  uint8_t healthy_ = 0;     // inferences that returned ok since the boot, up to what counts as healthy
  uint8_t to_run_[3] = {};  // kBoot: slots to be tried in turn, kNoSlot for none
  uint8_t to_run_next_ = 0;
  uint8_t candidate_ = storage::kNoSlot;     // being run, attempted or returned to
  uint8_t attempt_next_ = storage::kNoSlot;  // once the boot's model serves, or there is none
  uint8_t running_ = protocol::kRunningNone;
  uint8_t previous_ = protocol::kRunningNone;  // what served before the candidate, to return to
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
