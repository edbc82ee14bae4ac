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

// Here and in the agent's other files, `inline` and ROOST_INLINE say that there is one caller.

namespace {

// So many inferences without a hang end a run of watchdog resets.
constexpr uint8_t kHealthyInferences = 16;

// After the flash was busy when a record was due.
constexpr uint32_t kAgainMs = 250;

}  // namespace

// ---- telling ----

uint32_t Activation::package_in(uint8_t slot) const {
  return slot < store_.slot_count() ? store_.state().slots[slot].package_id : 0;
}

// The slot in that state, if it holds that package (0: any), or kNoSlot.
uint8_t Activation::find(SlotState state, uint32_t package_id) const {
  const uint8_t slot = store_.slot_in(state);
  return package_id == 0 || package_in(slot) == package_id ? slot : kNoSlot;
}

void Activation::note(AgentEvent event, uint8_t slot, Cause cause) const {
  if (!observer_) return;
  AgentNote note;
  note.event = event;
  note.slot = slot == kRunningBuiltIn ? kNoSlot : slot;
  note.package_id = package_in(slot);
  note.cause = cause;
  note.value = 0;
  observer_->on_event(note);
}

void Activation::tell(MessageType type, uint8_t slot, Cause cause) const {
  receiver_.notify_state(type, package_in(slot), cause.reason(), cause.detail());
}

void Activation::announce(AgentEvent event, MessageType type, uint8_t slot, Cause cause) const {
  note(event, slot, cause);
  tell(type, slot, cause);
}

// That `left` is left, for what serves now.
void Activation::announce_return(uint8_t left) {
  last_return_ = because_;
  announce(AgentEvent::kRolledBack, MessageType::kRolledBack, left, because_);
  if (running_ != kRunningNone) note(AgentEvent::kModelRuns, running_);
}

bool Activation::tell_confirmed(uint32_t package_id) const {
  const uint8_t confirmed = find(SlotState::kConfirmed, package_id);
  if (package_id == 0 || confirmed == kNoSlot) return false;
  tell(MessageType::kConfirmed, confirmed);
  return true;
}

// ---- beginning ----

// Gives a model to the host: to serve (kBoot), or to be tried.
bool Activation::begin(Goal goal, uint8_t slot) {
  runtime::HostedModel model;
  model.bytes = builtin_;
  if (slot != kRunningBuiltIn) {
    const storage::SlotInfo info = store_.slot_info(slot);
    vectors_.set(info.body);
    model.bytes = info.model;
    model.self_test = &vectors_;
    model.id = info.package_id;
    protocol::ManifestView manifest;
    if (protocol::read_manifest(info.manifest, &manifest).ok()) {
      model.warm_up_inferences = manifest.warm_up_inferences();
      model.healthy_inferences = manifest.confirm_after_inferences();
    }
  }
  const runtime::Status begun = goal == Goal::kBoot ? host_.run(model) : host_.try_model(model);
  if (!begun.ok()) return false;
  goal_ = goal;
  candidate_ = slot;
  previous_ = running_;
  confirm_due_ = false;
  return true;
}

void Activation::boot(storage::ResetCause cause) {
  const storage::BootChoice choice = store_.boot(cause);
  safe_mode_ = choice.action == storage::BootAction::kSafeMode;
  if (safe_mode_) return note(AgentEvent::kSafeMode, kNoSlot, Reason::kWatchdogResets);
  // The model that is known to run serves first, so that the attempt has something to return to.
  if (choice.action == storage::BootAction::kAttempt) attempt_next_ = choice.slot;
  run_choice(choice);
}

// Runs what is confirmed, of what the boot table chose.
void Activation::run_choice(storage::BootChoice choice) {
  safe_mode_ = false;
  to_run_[0] = choice.action == storage::BootAction::kRun ? choice.slot : kNoSlot;
  to_run_[1] = choice.fallback_slot;
  to_run_[2] = builtin_.empty() ? kNoSlot : kRunningBuiltIn;
  to_run_next_ = 0;
  run_next();
}

// Where nothing serves, what the boot table has now.
void Activation::run_something() {
  if (running_ == kRunningNone) run_choice(store_.choice());
}

// When there is none left, attempts what is to be attempted, or runs nothing.
void Activation::run_next() {
  while (to_run_next_ < sizeof to_run_) {
    const uint8_t slot = to_run_[to_run_next_++];
    hold(slot);
    if (slot != kNoSlot && begin(Goal::kBoot, slot)) return;
  }
  hold(kNoSlot);
  goal_ = Goal::kNothing;
  if (attempt_next_ == kNoSlot) note(AgentEvent::kNoModel, kNoSlot);
}

Cause Activation::begin_attempt(uint8_t slot) {
  const storage::Error error = store_.record_attempt(slot).error();
  const Cause cause = cause_of(error);
  if (error == storage::Error::kAttemptsSpent) {
    (void)reject(slot, cause);  // said again at the next boot otherwise
    note(AgentEvent::kRolledBack, slot, cause);
  }
  if (!cause.ok()) return cause;
  if (!begin(Goal::kAttempt, slot)) return Reason::kBusy;
  safe_mode_ = false;  // somebody asks for it: a model again
  note(AgentEvent::kAttempt, slot);
  return Cause();
}

// ---- requests ----

Cause Activation::activate(uint32_t package_id) {
  const uint8_t trial = find(SlotState::kTrial, package_id);
  if (trial != kNoSlot) {
    if (running_ == trial) tell(MessageType::kActive, trial);
    return Cause();
  }
  if (store_.slot_in(SlotState::kTrial) != kNoSlot) return Reason::kTrialOpen;
  if (tell_confirmed(package_id)) return Cause();
  uint8_t slot = find(SlotState::kPending, package_id);
  const bool pending = slot != kNoSlot;
  if (!pending && package_id != 0) slot = find(SlotState::kRetired, package_id);
  if (slot == kNoSlot) return Reason::kNothingToActivate;
  if (busy()) return pending && candidate_ == slot ? Reason::kOk : Reason::kBusy;
  const storage::Status reinstated = pending ? storage::Status() : store_.reinstate(slot);
  return reinstated.ok() ? begin_attempt(slot) : cause_of(reinstated.error());
}

Cause Activation::confirm(uint32_t package_id, uint32_t now_ms) {
  const uint8_t trial = find(SlotState::kTrial, package_id);
  if (trial == kNoSlot) return tell_confirmed(package_id) ? Reason::kOk : Reason::kNothingToConfirm;
  if (host_.state() != runtime::ModelHost::State::kTrial) return Reason::kBusy;
  const storage::Status recorded = store_.confirm(trial, now_ms);
  if (recorded.ok()) {
    (void)host_.confirm();  // it is on trial, so this cannot be refused
    announce(AgentEvent::kConfirmed, MessageType::kConfirmed, trial);
  }
  return cause_of(recorded.error());
}

Cause Activation::roll_back(Reason asked_by) {
  if (rolling_back() || goal_ == Goal::kReject) return Cause();  // that is what is being done
  const runtime::ModelHost::State state = host_.state();
  const bool trial = goal_ == Goal::kNothing &&
                     (state == runtime::ModelHost::State::kTrial || state == runtime::ModelHost::State::kRestoring);
  if (trial || goal_ == Goal::kAttempt || goal_ == Goal::kRecordTrial) {
    give_up(asked_by);
    return Cause();
  }
  // Sealed, but not with the host: it was never tried, or not yet since the boot, or could not be rejected.
  uint8_t slot = store_.slot_in(SlotState::kTrial);
  if (slot == kNoSlot) slot = store_.slot_in(SlotState::kPending);
  if (slot != kNoSlot) {
    const Cause rejected = reject(slot, asked_by);
    if (!rejected.ok()) return rejected;
    attempt_next_ = kNoSlot;
    tell(MessageType::kRolledBack, slot, asked_by);
    return Cause();
  }
  slot = store_.slot_in(SlotState::kRetired);
  if (slot == kNoSlot && !builtin_.empty()) slot = kRunningBuiltIn;
  if (slot == kNoSlot || running_ == kRunningBuiltIn) return Reason::kNothingToReturnTo;
  if (busy() || !begin(Goal::kRollBack, slot)) return Reason::kBusy;
  hold(slot);  // what runs is confirmed, and so safe without
  because_ = asked_by;
  answers_later_ = asked_by == Reason::kAskedByHost;
  return Cause();
}

Cause Activation::erase_models(uint32_t now_ms) {
  if (busy()) return Reason::kBusy;
  if (store_.slot_in(SlotState::kTrial) != kNoSlot) return Reason::kTrialOpen;
  const bool ran = host_.serving();
  (void)host_.stop();
  now_serves(kRunningNone);
  const storage::Status erased = store_.erase_all(now_ms);
  if (erased.ok()) note(AgentEvent::kModelsErased, kNoSlot);
  // What ran goes on if the store refused; otherwise the built-in model, or none.
  if (ran || erased.ok()) run_something();
  return cause_of(erased.error());
}

// ---- what happens ----

// Makes the host return to the previous model; handle_failure has the rejection recorded when it did.
void Activation::give_up(Cause cause) {
  because_ = cause;
  goal_ = Goal::kAttempt;                                 // a trial that is given up before it is recorded is none
  (void)host_.return_to_previous(runtime::Error::kNone);  // already returning: for a reason of its own
  follow_return();
}

// The host has let go of the candidate at once; what is written about it follows in step().
void Activation::follow_return() {
  now_serves(host_.serving() ? previous_ : kRunningNone);
}

void Activation::step(MutableBytes scratch, uint32_t now_ms) {
  handle(host_.poll(scratch));
  if (waits_ && static_cast<int32_t>(now_ms - again_at_ms_) < 0) return;
  write_due(now_ms);
  again_at_ms_ = now_ms + kAgainMs;
}

inline void Activation::handle(HostEvent event) {
  switch (event.kind) {
    case HostEvent::kIdle:
    case HostEvent::kWorking:
    case HostEvent::kNeedScratch:
      return;
    case HostEvent::kRunning:
      goal_ = Goal::kNothing;
      now_serves(candidate_);
      return note(AgentEvent::kModelRuns, running_);
    case HostEvent::kTrial:
      goal_ = goal_ == Goal::kRollBack ? Goal::kRecordReturn : Goal::kRecordTrial;
      return now_serves(candidate_);
    case HostEvent::kConfirmDue:
      confirm_due_ = true;
      return;
    case HostEvent::kReturned:
    case HostEvent::kStopped:
      return handle_failure(event.reason);
    case HostEvent::kInvokeFailed:
      return note(AgentEvent::kInvokeFailed, running_, cause_of(event.reason, host_.last_report()));
  }
}

// The candidate does not serve, or does not any more. `reason`: the host's own, or none when it was told to return.
inline void Activation::handle_failure(runtime::Error reason) {
  follow_return();
  Cause cause = because_;
  if (reason != runtime::Error::kNone) cause = cause_of(reason, host_.last_report());
  if (cause.reason() == Reason::kSelfTestFailed) cause = because(cause.reason(), host_.self_test_vector());
  if (goal_ != Goal::kBoot && !rolling_back()) {
    because_ = cause;
    goal_ = Goal::kReject;
    return;
  }
  note(AgentEvent::kModelUnfit, candidate_, cause);  // nothing was recorded, and nothing is
  if (goal_ == Goal::kBoot) return run_next();
  end_roll_back(cause);
  run_something();
}

// Records that are due, one after the other, until the flash takes them. Any other trouble than a busy flash is not
// tried again: an unconfirmed model's attempts run out at the coming boots.
ROOST_INLINE void Activation::write_due(uint32_t now_ms) {
  Cause cause;
  if (goal_ == Goal::kRecordTrial) {
    cause = record_trial();
  } else if (goal_ == Goal::kRecordReturn) {
    cause = record_return();
  } else if (goal_ == Goal::kReject) {
    cause = reject(candidate_, because_);
    if (cause.reason() != Reason::kBusy) {
      goal_ = Goal::kNothing;
      announce_return(candidate_);
      run_something();
    }
  } else if (goal_ == Goal::kNothing && attempt_next_ != kNoSlot) {
    cause = begin_attempt(attempt_next_);
    if (cause.reason() != Reason::kBusy) {
      attempt_next_ = kNoSlot;
      if (!cause.ok() && running_ == kRunningNone) note(AgentEvent::kNoModel, kNoSlot);
    }
  }
  waits_ = cause.reason() == Reason::kBusy;
  if (confirm_due_ && goal_ == Goal::kNothing) {
    const bool on_trial = host_.state() == runtime::ModelHost::State::kTrial;
    waits_ = confirm_due_ = on_trial && !confirm(0, now_ms).ok();
  }
}

// The candidate serves. Each of the next three is kBusy when the flash is.
inline Cause Activation::record_trial() {
  const Cause cause = cause_of(store_.record_trial(candidate_).error());
  if (cause.ok()) {
    goal_ = Goal::kNothing;
    last_return_ = Cause();
    announce(AgentEvent::kTrial, MessageType::kActive, candidate_);
  } else if (cause.reason() != Reason::kBusy) {
    give_up(cause);
  }
  return cause;
}

// The model to return to serves: only now does the store let go of the newer one.
inline Cause Activation::record_return() {
  const Cause cause = cause_of(store_.roll_back(kept_reason(because_.reason()), because_.detail()).error());
  if (cause.ok()) {
    (void)host_.confirm();  // it is on trial, so this cannot be refused
    announce_return(previous_);
    end_roll_back(cause);
  } else if (cause.reason() != Reason::kBusy) {
    because_ = cause;
    goal_ = Goal::kRollBack;
    (void)host_.return_to_previous(runtime::Error::kNone);
    follow_return();
  }
  return cause;
}

void Activation::end_roll_back(Cause cause) {
  goal_ = Goal::kNothing;
  if (!answers_later_) return;
  answers_later_ = false;
  (void)receiver_.answer_request(cause.reason(), cause.detail());
}

Cause Activation::reject(uint8_t slot, Cause cause) {
  return cause_of(store_.reject(slot, kept_reason(cause.reason()), cause.detail()).error());
}

// Nothing else goes into this slot: the interpreter reads it, or is about to.
void Activation::hold(uint8_t slot) {
  store_.hold(slot < store_.slot_count() ? slot : kNoSlot);
}

void Activation::now_serves(uint8_t slot) {
  running_ = slot;
  hold(slot);
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
