// Which model runs: joins the store, which remembers, with the model host, which runs.
//
// The order of every write is the point: `attempt` is in flash before the first prepare of an unconfirmed model,
// `trial` before the host hears of it, `confirmed` before the previous model is forgotten, `rejected` after the
// previous model serves again. A power cut between any two leaves a model to run (storage/LAYOUT.md, boot table).
//
//   goal            begins with                 a model serves                     it does not
//   kNothing        -                           -                                  -
//   kBoot           boot choice                 -> kNothing, or kAttempt next      the fallback, the built-in, none
//   kAttempt        attempt record              trial record -> kNothing           reject -> kNothing
//   kRollBack       the retired model tried     store rolls back -> kNothing       nothing changed -> kNothing
//
// Everything happens in step(), one slice a call, on the thread that also invokes. Borrows all it is given.
#pragma once

#include "device/agent/body_vectors.h"
#include "device/agent/events.h"
#include "protocol/control.h"
#include "protocol/info.h"
#include "runtime/model_host.h"
#include "storage/store.h"

namespace roost {
namespace device {

// Whom Activation tells what changed: the hosts that listen, and the port.
class ActivationListener {
 public:
  virtual void on_state_change(protocol::MessageType type, uint32_t package_id, Cause cause) = 0;
  virtual void on_note(AgentEvent event, uint8_t slot, uint32_t package_id, Cause cause) = 0;

 protected:
  ~ActivationListener() = default;
};

class Activation {
 public:
  Activation(storage::Store& store, runtime::ModelHost& host, Bytes builtin_model, ActivationListener& listener);

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
  bool busy() const {
    return goal_ != Goal::kNothing || attempt_next_ != storage::kNoSlot || rejected_ != storage::kNoSlot;
  }

  // The flash was busy when a record was due: step() tries again then.
  bool waits() const { return flash_was_busy_; }
  uint32_t waits_until_ms() const { return again_at_ms_; }

  // One inference of what serves, counted. kOk, or why not.
  runtime::Status invoke();

  // The slot that serves: an index, protocol::kRunningBuiltIn or protocol::kRunningNone.
  uint8_t running() const { return running_; }
  bool safe_mode() const { return safe_mode_; }
  // Why the last return to an older model happened; kOk when none did since the boot.
  Cause last_return() const { return last_return_; }

 private:
  enum class Goal : uint8_t { kNothing, kBoot, kAttempt, kRollBack };

  runtime::HostedModel hosted(uint8_t slot);
  void to_run(uint8_t slot);
  void note(AgentEvent event, uint8_t slot, Cause cause = Cause());
  void tell(protocol::MessageType type, uint8_t slot, Cause cause = Cause());
  void note_runs();
  Cause begin_attempt(uint8_t slot);
  void run_next();
  void handle(const runtime::HostEvent& event);
  void handle_serving();
  void finish_attempt();
  void finish_roll_back();
  bool wait_if_busy(storage::Error error);
  void handle_failure(const runtime::HostEvent& event);
  bool trial_under_way() const;
  void give_up(Cause cause);
  void follow_return();
  uint8_t failed_slot() const;
  void write_owed(uint32_t now_ms);
  bool reject(uint8_t slot, Cause cause);
  void hold(uint8_t slot);
  void now_serves(uint8_t slot);
  uint32_t package_in(uint8_t slot) const;

  // Small members first: the shorter instructions reach only so far.
  Goal goal_ = Goal::kNothing;
  uint8_t candidate_ = storage::kNoSlot;  // being run, attempted or returned to
  uint8_t to_run_[3] = {};                // kBoot: slots still to be tried, the next one first
  uint8_t to_run_count_ = 0;
  uint8_t attempt_next_ = storage::kNoSlot;  // once the boot's model serves, or there is none
  uint8_t running_ = protocol::kRunningNone;
  uint8_t previous_ = protocol::kRunningNone;  // what served before the candidate, to return to
  bool safe_mode_ = false;
  uint8_t healthy_ = 0;  // inferences that returned ok since the boot, up to what counts as healthy
  // Records that are owed, besides attempt_next_.
  bool serves_due_ = false;   // that the candidate serves: on trial, or returned to
  bool confirm_due_ = false;  // by policy
  uint8_t rejected_ = storage::kNoSlot;
  bool flash_was_busy_ = false;  // again at again_at_ms_
  uint8_t vectors_next_ = 0;
  uint32_t again_at_ms_ = 0;
  Cause rejected_because_;
  Cause give_up_because_;  // overrides the host's reason when we made it return
  Cause asked_by_;         // of a roll-back
  Cause last_return_;

  storage::Store& store_;
  runtime::ModelHost& host_;
  Bytes builtin_;
  ActivationListener& listener_;
  BodyVectors vectors_[2];  // of the model that serves and of the candidate, in turn
};

}  // namespace device
}  // namespace roost
