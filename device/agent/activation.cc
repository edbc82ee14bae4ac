#include "device/agent/activation.h"

#include "protocol/manifest.h"

namespace roost {
namespace device {

using protocol::kRunningBuiltIn;
using protocol::kRunningNone;
using protocol::MessageType;
using protocol::Reason;
using runtime::HostEvent;
using storage::kNoSlot;
using storage::SlotState;

namespace {

// So many inferences without a hang end a run of watchdog resets.
constexpr uint8_t kHealthyInferences = 16;

// After the flash was busy when a record was due.
constexpr uint32_t kAgainMs = 250;

}  // namespace

Activation::Activation(storage::Store& store, runtime::ModelHost& host, Bytes builtin_model,
                       ActivationListener& listener)
    : store_(store), host_(host), builtin_(builtin_model), listener_(listener) {}

uint32_t Activation::package_in(uint8_t slot) const {
  return slot < store_.slot_count() ? store_.state().slots[slot].package_id : 0;
}

runtime::HostedModel Activation::hosted(uint8_t slot) {
  runtime::HostedModel model;
  if (slot == kRunningBuiltIn) {
    model.bytes = builtin_;
    return model;
  }
  const storage::SlotInfo info = store_.slot_info(slot);
  BodyVectors& vectors = vectors_[vectors_next_];
  vectors_next_ ^= 1;
  vectors.set(info.body);
  model.bytes = info.model;
  model.self_test = &vectors;
  model.id = info.package_id;
  protocol::ManifestView manifest;
  if (protocol::read_manifest(info.manifest, &manifest).ok()) {
    model.warm_up_inferences = manifest.warm_up_inferences;
    model.healthy_inferences = manifest.confirm_after_inferences;
  }
  return model;
}

void Activation::to_run(uint8_t slot) {
  if (slot == kNoSlot || (slot == kRunningBuiltIn && builtin_.empty())) return;
  to_run_[to_run_count_++] = slot;
}

void Activation::boot(storage::ResetCause cause) {
  const storage::BootChoice choice = store_.boot(cause);
  to_run_count_ = 0;
  switch (choice.action) {
    case storage::BootAction::kSafeMode:
      safe_mode_ = true;
      note(AgentEvent::kSafeMode, kNoSlot, because(Reason::kWatchdogResets));
      return;
    case storage::BootAction::kAttempt:
      // The model that is known to run serves first, so that the attempt has something to return to.
      attempt_next_ = choice.slot;
      break;
    case storage::BootAction::kRun:
      to_run(choice.slot);
      break;
    case storage::BootAction::kNone:
    case storage::BootAction::kBuiltIn:
      break;
  }
  to_run(choice.fallback_slot);
  to_run(kRunningBuiltIn);
  run_next();
}

// Runs the next of to_run_; when there is none left, attempts what is to be attempted, or runs nothing.
void Activation::run_next() {
  goal_ = Goal::kBoot;
  while (to_run_count_ > 0) {
    candidate_ = to_run_[0];
    --to_run_count_;
    to_run_[0] = to_run_[1];
    to_run_[1] = to_run_[2];
    hold(candidate_);
    if (host_.run(hosted(candidate_)).ok()) return;
  }
  hold(kRunningNone);
  goal_ = Goal::kNothing;
  if (attempt_next_ == kNoSlot) note(AgentEvent::kNoModel, kNoSlot);
}

Cause Activation::begin_attempt(uint8_t slot) {
  const storage::Status recorded = store_.record_attempt(slot);
  Cause cause = cause_of(recorded.error());
  if (recorded.error() == storage::Error::kAttemptsSpent) {
    (void)store_.reject(slot, kept_reason(cause.reason), cause.detail);  // said again at the next boot otherwise
    note(AgentEvent::kRolledBack, slot, cause);
  }
  if (!cause.ok()) return cause;
  const runtime::Status begun = host_.try_model(hosted(slot));
  if (!begun.ok()) return because(Reason::kBusy);
  goal_ = Goal::kAttempt;
  candidate_ = slot;
  confirm_due_ = false;
  previous_ = running_;
  give_up_because_ = Cause();
  note(AgentEvent::kAttempt, slot);
  return Cause();
}

Cause Activation::activate(uint32_t package_id) {
  const uint8_t trial = store_.slot_in(SlotState::kTrial);
  const uint8_t pending = store_.slot_in(SlotState::kPending);
  const uint8_t confirmed = store_.slot_in(SlotState::kConfirmed);
  if (trial != kNoSlot && (package_id == 0 || package_in(trial) == package_id)) {
    if (running_ == trial) tell(MessageType::kActive, trial);
    return Cause();
  }
  if (trial != kNoSlot) return because(Reason::kTrialOpen);
  if (confirmed != kNoSlot && package_id != 0 && package_in(confirmed) == package_id) {
    tell(MessageType::kConfirmed, confirmed);
    return Cause();
  }
  const bool is_pending = pending != kNoSlot && (package_id == 0 || package_in(pending) == package_id);
  const uint8_t retired = store_.slot_in(SlotState::kRetired);
  if (!is_pending && package_id != 0 && retired != kNoSlot && package_in(retired) == package_id) {
    if (busy()) return because(Reason::kBusy);
    const storage::Status reinstated = store_.reinstate(retired);
    return reinstated.ok() ? begin_attempt(retired) : cause_of(reinstated.error());
  }
  if (!is_pending) return because(Reason::kNothingToActivate);
  if (busy()) return candidate_ == pending ? Cause() : because(Reason::kBusy);
  safe_mode_ = false;  // somebody asks for it: a model again
  return begin_attempt(pending);
}

Cause Activation::confirm(uint32_t package_id, uint32_t now_ms) {
  const uint8_t trial = store_.slot_in(SlotState::kTrial);
  const uint8_t confirmed = store_.slot_in(SlotState::kConfirmed);
  if (trial == kNoSlot || (package_id != 0 && package_in(trial) != package_id)) {
    if (confirmed == kNoSlot || package_id == 0 || package_in(confirmed) != package_id) {
      return because(Reason::kNothingToConfirm);
    }
    tell(MessageType::kConfirmed, confirmed);
    return Cause();
  }
  if (host_.state() != runtime::ModelHost::State::kTrial) return because(Reason::kBusy);
  const storage::Status recorded = store_.confirm(trial, now_ms);
  if (!recorded.ok()) return cause_of(recorded.error());
  (void)host_.confirm();  // it is on trial, so this cannot be refused
  note(AgentEvent::kConfirmed, trial);
  tell(MessageType::kConfirmed, trial);
  return Cause();
}

Cause Activation::roll_back(Reason asked_by) {
  const uint8_t trial = store_.slot_in(SlotState::kTrial);
  const uint8_t pending = store_.slot_in(SlotState::kPending);
  const uint8_t retired = store_.slot_in(SlotState::kRetired);
  if (goal_ == Goal::kRollBack) return Cause();
  if (goal_ == Goal::kAttempt || trial_under_way()) {
    give_up(because(asked_by));
    return Cause();
  }
  // Sealed, but not with the host: it was never tried, or not yet since the boot, or its rejection is still owed.
  const uint8_t unconfirmed = trial != kNoSlot ? trial : pending;
  if (unconfirmed != kNoSlot) {
    const storage::Status rejected = store_.reject(unconfirmed, kept_reason(asked_by), 0);
    if (!rejected.ok()) return cause_of(rejected.error());
    attempt_next_ = rejected_ = kNoSlot;
    tell(MessageType::kRolledBack, unconfirmed, because(asked_by));
    return Cause();
  }
  const uint8_t target = retired != kNoSlot ? retired : (builtin_.empty() ? kNoSlot : kRunningBuiltIn);
  if (target == kNoSlot || running_ == kRunningBuiltIn) return because(Reason::kNothingToReturnTo);
  if (busy() || !host_.try_model(hosted(target)).ok()) return because(Reason::kBusy);
  hold(target);  // what runs is confirmed, and so safe without
  goal_ = Goal::kRollBack;
  candidate_ = target;
  previous_ = running_;
  asked_by_ = because(asked_by);
  return Cause();
}

Cause Activation::erase_models(uint32_t now_ms) {
  if (busy()) return because(Reason::kBusy);
  if (store_.slot_in(SlotState::kTrial) != kNoSlot) return because(Reason::kTrialOpen);
  const uint8_t before = running_;
  (void)host_.stop();
  store_.hold(kNoSlot);
  const storage::Status erased = store_.erase_all(now_ms);
  if (erased.ok()) {
    running_ = kRunningNone;
    note(AgentEvent::kModelsErased, kNoSlot);
  }
  // What ran goes on if the store refused; otherwise the built-in model, or none.
  to_run_count_ = 0;
  if (!erased.ok() && before < store_.slot_count()) to_run(before);
  to_run(kRunningBuiltIn);
  run_next();
  return cause_of(erased.error());
}

// The host has the model on trial, or is on its way back from it.
bool Activation::trial_under_way() const {
  return goal_ == Goal::kNothing && (host_.state() == runtime::ModelHost::State::kTrial ||
                                     host_.state() == runtime::ModelHost::State::kRestoring);
}

// Makes the host return to the previous model; handle_failure records the rejection when it did.
void Activation::give_up(Cause cause) {
  give_up_because_ = cause;
  serves_due_ = false;  // a trial that is given up before it is recorded is none
  goal_ = Goal::kAttempt;
  (void)host_.return_to_previous(runtime::Error::kNone);  // already returning: its own end will come
  follow_return();
}

// The host has let go of the candidate at once; what is written about it follows in step().
void Activation::follow_return() {
  now_serves(host_.serving() ? previous_ : kRunningNone);
}

void Activation::step(MutableBytes scratch, uint32_t now_ms) {
  if (host_.needs_scratch() && scratch.empty()) return;
  handle(host_.poll(scratch));
  if (flash_was_busy_ && static_cast<int32_t>(now_ms - again_at_ms_) < 0) return;
  flash_was_busy_ = false;
  write_owed(now_ms);
  again_at_ms_ = now_ms + kAgainMs;
}

// Records that are due, one a step, until the flash takes them. Any other trouble than a busy flash is not tried
// again: an unconfirmed model's attempts run out at the coming boots.
void Activation::write_owed(uint32_t now_ms) {
  if (serves_due_) {
    goal_ == Goal::kRollBack ? finish_roll_back() : finish_attempt();
    if (serves_due_) return;
  }
  if (rejected_ != kNoSlot) {
    if (!reject(rejected_, rejected_because_)) return;
    rejected_ = kNoSlot;
  } else if (attempt_next_ != kNoSlot && goal_ == Goal::kNothing) {
    const Cause cause = begin_attempt(attempt_next_);
    flash_was_busy_ = cause.reason == Reason::kBusy;
    if (flash_was_busy_) return;
    attempt_next_ = kNoSlot;
    if (!cause.ok() && running_ == kRunningNone) note(AgentEvent::kNoModel, kNoSlot);
  } else if (confirm_due_ && goal_ == Goal::kNothing) {
    const bool on_trial = host_.state() == runtime::ModelHost::State::kTrial;
    flash_was_busy_ = on_trial && !confirm(0, now_ms).ok();
    confirm_due_ = flash_was_busy_;
  }
}

// False: the flash was busy.
bool Activation::reject(uint8_t slot, Cause cause) {
  const storage::Status status = store_.reject(slot, kept_reason(cause.reason), cause.detail);
  flash_was_busy_ = status.error() == storage::Error::kFlashBusy;
  return !flash_was_busy_;
}

void Activation::handle(const HostEvent& event) {
  switch (event.kind) {
    case HostEvent::kIdle:
    case HostEvent::kWorking:
    case HostEvent::kNeedScratch:
      return;
    case HostEvent::kRunning:
      return handle_serving();
    case HostEvent::kTrial:
      now_serves(candidate_);
      serves_due_ = true;
      return;
    case HostEvent::kConfirmDue:
      confirm_due_ = true;
      return;
    case HostEvent::kReturned:
    case HostEvent::kStopped:
      return handle_failure(event);
    case HostEvent::kInvokeFailed:
      note(AgentEvent::kInvokeFailed, running_, cause_of(event.reason, host_.last_report()));
      return;
  }
}

// Nothing else goes into this slot: the interpreter reads it, or is about to.
void Activation::hold(uint8_t slot) {
  store_.hold(slot < store_.slot_count() ? slot : kNoSlot);
}

void Activation::now_serves(uint8_t slot) {
  running_ = slot;
  hold(slot);
}

// About the package in a slot, or about none.
void Activation::note(AgentEvent event, uint8_t slot, Cause cause) {
  listener_.on_note(event, slot == kRunningBuiltIn ? kNoSlot : slot, package_in(slot), cause);
}

void Activation::tell(MessageType type, uint8_t slot, Cause cause) {
  listener_.on_state_change(type, package_in(slot), cause);
}

void Activation::note_runs() {
  note(AgentEvent::kModelRuns, running_);
}

void Activation::handle_serving() {
  goal_ = Goal::kNothing;
  now_serves(candidate_);
  note_runs();
}

// The candidate serves: the trial's record.
void Activation::finish_attempt() {
  const storage::Status recorded = store_.record_trial(candidate_);
  if (wait_if_busy(recorded.error())) return;
  if (!recorded.ok()) return give_up(cause_of(recorded.error()));
  goal_ = Goal::kNothing;
  last_return_ = Cause();
  note(AgentEvent::kTrial, candidate_);
  tell(MessageType::kActive, candidate_);
}

// The model to return to serves: only now does the store let go of the newer one.
void Activation::finish_roll_back() {
  const uint8_t left = previous_;
  const auto choice = store_.roll_back(kept_reason(asked_by_.reason), asked_by_.detail);
  if (wait_if_busy(choice.error())) return;
  if (!choice.ok()) {
    give_up_because_ = cause_of(choice.error());
    (void)host_.return_to_previous(runtime::Error::kNone);
    return;
  }
  goal_ = Goal::kNothing;
  (void)host_.confirm();  // it is on trial, so this cannot be refused
  last_return_ = asked_by_;
  note(AgentEvent::kRolledBack, left, asked_by_);
  note_runs();
  tell(MessageType::kRolledBack, left, asked_by_);
}

// The record of what serves stays due while the flash is busy.
bool Activation::wait_if_busy(storage::Error error) {
  flash_was_busy_ = serves_due_ = error == storage::Error::kFlashBusy;
  return flash_was_busy_;
}

uint8_t Activation::failed_slot() const {
  const uint8_t trial = store_.slot_in(SlotState::kTrial);
  return trial != kNoSlot ? trial : candidate_;
}

void Activation::handle_failure(const HostEvent& event) {
  Cause cause = give_up_because_.ok() ? cause_of(event.reason, host_.last_report()) : give_up_because_;
  if (cause.reason == Reason::kSelfTestFailed) cause.detail = static_cast<uint16_t>(host_.self_test_vector());
  give_up_because_ = Cause();
  serves_due_ = false;
  const Goal goal = goal_;
  goal_ = Goal::kNothing;
  if (goal == Goal::kBoot || goal == Goal::kRollBack) {  // nothing was recorded, and nothing is
    note(AgentEvent::kModelUnfit, candidate_, cause);
    if (goal == Goal::kBoot) return run_next();
    return now_serves(event.kind == HostEvent::kReturned ? previous_ : kRunningNone);
  }
  // An attempt or a trial failed. The previous model serves already; now the store may forget the new one.
  const uint8_t failed = failed_slot();
  if (!reject(failed, cause)) {
    rejected_ = failed;
    rejected_because_ = cause;
  }
  now_serves(event.kind == HostEvent::kReturned ? previous_ : kRunningNone);
  last_return_ = cause;
  note(AgentEvent::kRolledBack, failed, cause);
  if (running_ != kRunningNone) note_runs();
  tell(MessageType::kRolledBack, failed, cause);
}

runtime::Status Activation::invoke() {
  const bool on_trial = host_.state() == runtime::ModelHost::State::kTrial;
  const runtime::Status status = host_.invoke();
  if (on_trial && !status.ok()) follow_return();
  if (status.ok() && healthy_ < kHealthyInferences && ++healthy_ == kHealthyInferences) {
    (void)store_.healthy();  // a failed write: the run of resets is only remembered longer
  }
  return status;
}

}  // namespace device
}  // namespace roost
