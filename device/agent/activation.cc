#include "device/agent/activation.h"

namespace roost {
namespace device {

using protocol::kRunningBuiltIn;
using protocol::kRunningNone;
using protocol::MessageType;
using protocol::Reason;
using runtime::HostEvent;
using storage::kNoSlot;
using storage::kUnconfirmed;
using storage::SlotState;
using storage::SlotStates;
using storage::states;

// Here and in the agent's other files, `inline` and ROOST_INLINE say that there is one caller.

namespace {

// Slots that the store does not have, and so nothing it would erase: what runs can be told to it as it is.
static_assert(kRunningNone == kNoSlot && kRunningBuiltIn >= storage::kSlotCountMax, "Store::hold");

// After the flash was busy, or failed, when a record was due: each try may wear it.
constexpr uint32_t kAgainMs = 250;

// So many of what serves, without a hang, end a run of watchdog resets.
constexpr uint32_t kHealthyInferences = 16;

}  // namespace

protocol::ManifestView manifest_of(const storage::SlotInfo& slot) {
  return protocol::read_manifest(slot.manifest());
}

// ---- telling ----

// The newest slot in one of these states that holds that package, or kNoSlot. 0: any that is not confirmed.
uint8_t Activation::find(SlotStates states, uint32_t package_id) const {
  return storage::newest_slot(store_.state(), package_id == 0 ? states & kUnconfirmed : states, package_id);
}

void Activation::note(AgentEvent event, uint8_t slot, Cause cause) const {
  AgentNote note;
  note.event = event;
  note.slot = slot == kRunningBuiltIn ? kNoSlot : slot;
  note.package_id = slot < store_.slot_count() ? store_.state().slots[slot].package_id : 0;
  note.cause = cause;
  note.value = 0;
  if (event >= AgentEvent::kTrial) receiver_.notify_state(static_cast<MessageType>(event), note.package_id, cause);
  if (config_.observer != nullptr) config_.observer->on_event(note);
}

// ---- beginning ----

// Gives a model to the host: to serve (kBoot), or to be tried. False: there is none, or the host is busy.
bool Activation::begin(Goal goal, uint8_t slot) {
  const storage::SlotInfo info = store_.slot_info(slot);  // nothing, of the built-in model
  const protocol::ManifestView manifest = manifest_of(info);
  vectors_.set(info.body());
  runtime::HostedModel model = {info.model(), &vectors_, slot, manifest.warm_up_inferences(),
                                manifest.confirm_after_inferences()};
  if (slot == kRunningBuiltIn) model.bytes = config_.builtin_model;
  if (model.bytes.empty() || !host_.start(model, goal != Goal::kBoot).ok()) return false;
  goal_ = goal;
  candidate_ = slot;
  because_ = Cause();
  // An unconfirmed model is safe without, and what serves meanwhile may need it.
  if (goal != Goal::kAttempt) store_.hold(slot);
  return true;
}

void Activation::boot(storage::ResetCause cause) {
  if (!store_.boot(cause)) {
    goal_ = Goal::kSafeMode;
    return note(AgentEvent::kSafeMode, kNoSlot, Reason::kWatchdogResets);
  }
  // The model that is known to run serves first, so that the attempt has something to return to.
  to_attempt_ = store_.slot_to_attempt();
  run_something();
}

// Where nothing serves, what is known to run.
void Activation::run_something() {
  if (running_ != kRunningNone) return;
  next_to_run_ = 0;
  run_next();
}

// What the boot table has by turns, then the built-in model.
void Activation::run_next() {
  constexpr uint8_t kBuiltIn = 2;
  while (next_to_run_ <= kBuiltIn) {
    const uint8_t turn = next_to_run_++;
    if (begin(Goal::kBoot, turn == kBuiltIn ? kRunningBuiltIn : store_.slot_to_run(turn))) return;
  }
  goal_ = Goal::kBooted;
}

Cause Activation::begin_attempt(uint8_t slot) {
  const Cause cause = cause_of(store_.record_attempt(slot));
  if (!cause.ok()) return cause;
  if (!begin(Goal::kAttempt, slot)) return Reason::kBusy;
  note(AgentEvent::kAttempt, slot);
  return Cause();
}

// ---- requests ----

Cause Activation::activate(uint32_t package_id) {
  constexpr SlotStates kNamed = kUnconfirmed | states(SlotState::kConfirmed) | states(SlotState::kRetired);
  const uint8_t slot = find(kNamed, package_id);
  const uint8_t trial = store_.slot_in(SlotState::kTrial);
  if (trial != kNoSlot) {
    if (slot != trial) return Reason::kTrialOpen;
    if (running_ == trial) note(AgentEvent::kTrial, trial);
    return Cause();
  }
  if (slot == kNoSlot) return Reason::kNothingToActivate;
  const SlotState state = state_of(slot);
  if (state == SlotState::kConfirmed) {
    note(AgentEvent::kConfirmed, slot);
    return Cause();
  }
  const bool pending = state == SlotState::kPending;
  if (busy()) return pending && (to_attempt_ == slot || candidate_ == slot) ? Reason::kOk : Reason::kBusy;
  const storage::Status reinstated = pending ? storage::Status() : store_.reinstate(slot);
  return reinstated.ok() ? begin_attempt(slot) : cause_of(reinstated);
}

Cause Activation::confirm(uint32_t package_id, uint32_t now_ms) {
  const uint8_t slot = find(states(SlotState::kTrial) | states(SlotState::kConfirmed), package_id);
  if (slot == kNoSlot) return Reason::kNothingToConfirm;
  if (state_of(slot) == SlotState::kTrial) {
    if (running_ != slot) return Reason::kBusy;
    const storage::Status recorded = store_.confirm(slot, now_ms);
    if (!recorded.ok()) return cause_of(recorded);
    (void)host_.confirm();  // it is on trial, so this cannot be refused
  }
  note(AgentEvent::kConfirmed, slot);
  return Cause();
}

Cause Activation::roll_back(Reason asked_by) {
  if (goal_ == Goal::kReject || goal_ == Goal::kRollBack) return Cause();  // that is what is being done
  const bool trial = goal_ == Goal::kNothing && host_.state() >= runtime::ModelHost::State::kTrial;
  if (trial || goal_ == Goal::kAttempt) {
    goal_ = Goal::kAttempt;
    give_up(asked_by);
    return Cause();
  }
  // Sealed, but not with the host: it was never tried, or not yet since the boot, or could not be rejected.
  uint8_t slot = store_.slot_in(kUnconfirmed);
  if (slot != kNoSlot) return reject(slot, asked_by);
  if (busy()) return Reason::kBusy;
  slot = store_.slot_in(SlotState::kRetired);
  if (slot == kNoSlot) slot = kRunningBuiltIn;
  if (running_ == kRunningBuiltIn || !begin(Goal::kRollBack, slot)) return Reason::kNothingToReturnTo;
  because_ = asked_by;
  answers_later_ = asked_by == Reason::kAskedByHost;
  return Cause();
}

Cause Activation::erase_models(uint32_t now_ms) {
  if (busy()) return Reason::kBusy;
  if (store_.slot_in(SlotState::kTrial) != kNoSlot) return Reason::kTrialOpen;
  const bool ran = host_.serving();
  (void)host_.stop();
  follow();
  const storage::Status erased = store_.erase_all(now_ms);
  if (erased.ok()) note(AgentEvent::kModelsErased, kNoSlot);
  // What ran goes on if the store refused; otherwise the built-in model, or none.
  if (ran || erased.ok()) run_something();
  return cause_of(erased);
}

// ---- what happens ----

// Makes the host return to the previous model; handle_failure goes on when it did.
void Activation::give_up(Cause cause) {
  because_ = cause;
  (void)host_.return_to_previous();  // already returning: for a reason of its own
  follow();
}

// What the host serves, at once; what is written about it follows in step().
void Activation::follow() {
  running_ = host_.serving() ? static_cast<uint8_t>(host_.serving_id()) : kRunningNone;
  store_.hold(running_);
}

bool Activation::step(uint32_t now_ms) {
  const bool lent = receiver_.state() == protocol::ReceiverState::kLent;
  const MutableBytes& ring = config_.receiver.ring;
  const HostEvent event = host_.poll(MutableBytes(ring.data(), lent ? ring.size() : 0));
  // Gate and planner work in the idle ring. It stays lent until they are done, so that no offer slips in between
  // two slices of a swap: offers are answered BUSY so long. If a transfer has it, the swap goes on after that.
  // Without a model, nobody waits: the host may resume.
  if (event == HostEvent::kNeedScratch) {
    return receiver_.lend_ring().ok() || (!host_.serving() && receiver_.give_up(Reason::kBusy).ok());
  }
  handle(event);
  if (!host_.needs_scratch()) (void)receiver_.return_ring();  // if it is lent
  if (waits_ && static_cast<int32_t>(now_ms - again_at_ms_) < 0) return false;
  again_at_ms_ = now_ms + kAgainMs;
  waits_ = write_due(now_ms);
  return busy() && !waits_;
}

inline void Activation::handle(HostEvent event) {
  if (event <= HostEvent::kWorking) return;
  follow();
  if (event >= HostEvent::kReturned) return handle_failure();
  if (event == HostEvent::kInvokeFailed)
    return note(AgentEvent::kInvokeFailed, running_, cause_of(host_.last_report()));
  if (event == HostEvent::kTrial) return;  // written in flash it is next
  goal_ = Goal::kBooted;
  note(AgentEvent::kModelRuns, running_);
}

// The candidate does not serve, or does not any more: for the host's own reason, unless it was told to return.
inline void Activation::handle_failure() {
  if (!host_.last_report().ok()) because_ = cause_of(host_.last_report());
  if (goal_ < Goal::kRollBack) {
    goal_ = Goal::kReject;
    return;
  }
  note(AgentEvent::kModelUnfit, candidate_, because_);  // nothing was recorded, and nothing is
  if (goal_ == Goal::kBoot) return run_next();
  finish(because_);
}

// What is to be attempted after a boot. True: the flash is busy.
inline bool Activation::attempt_at_boot() {
  const Cause cause = begin_attempt(to_attempt_);
  if (cause.is_busy()) return true;
  to_attempt_ = kNoSlot;
  if (!cause.ok()) {
    goal_ = Goal::kNothing;
    if (running_ == kRunningNone) note(AgentEvent::kNoModel, kNoSlot);
  }
  return false;
}

// The record that is due, if one is. True: the flash is busy, and it is to be tried again. After any other trouble
// it is not: an unconfirmed model's attempts run out at the coming boots.
bool Activation::write_due(uint32_t now_ms) {
  if (goal_ <= Goal::kSafeMode) return host_.confirm_due() && !confirm(0, now_ms).ok();
  if (goal_ == Goal::kBooted) return attempt_at_boot();
  const bool serves = goal_ != Goal::kReject;
  if (serves && host_.state() != runtime::ModelHost::State::kTrial) return false;  // it is at it
  // For a return: only now the store lets go of the newer one.
  const Cause cause = goal_ == Goal::kAttempt
                          ? cause_of(store_.record_trial(candidate_))
                          : reject(serves ? store_.slot_in(SlotState::kConfirmed) : candidate_, because_);
  if (cause.is_busy()) return true;
  if (!cause.ok()) {
    if (serves) {
      give_up(cause);
      return false;
    }
    note(AgentEvent::kRolledBack, candidate_, because_);  // not on record, but it is given up
  }
  if (goal_ == Goal::kRollBack) (void)host_.confirm();  // it is on trial, so this cannot be refused
  last_return_ = because_;
  if (running_ != kRunningNone)
    note(goal_ == Goal::kAttempt ? AgentEvent::kTrial : AgentEvent::kModelRuns, running_);
  finish(Cause());
  return false;
}

void Activation::finish(Cause cause) {
  goal_ = Goal::kNothing;
  if (answers_later_) (void)receiver_.answer_request(cause);
  answers_later_ = false;
  run_something();
}

// Recorded, then told.
Cause Activation::reject(uint8_t slot, Cause cause) {
  const Cause recorded = cause_of(store_.reject(slot, kept_reason(cause.reason()), cause.detail()));
  if (recorded.ok()) note(AgentEvent::kRolledBack, slot, cause);
  return recorded;
}

runtime::Status Activation::invoke() {
  const runtime::Status status = host_.invoke();
  if (status.is(runtime::Error::kInvokeFailed)) follow();  // the host gave up what is on trial
  if (status.ok() && host_.healthy_inferences() == kHealthyInferences) {
    (void)store_.healthy();  // a failed write: the run of resets is only remembered longer
  }
  return status;
}

}  // namespace device
}  // namespace roost
