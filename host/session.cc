#include "host/session.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <random>

#include "runtime/report.h"

namespace roost::host {

using protocol::MessageType;
using protocol::PackageState;
using protocol::Reason;

namespace {

constexpr uint32_t kBackoffMinMs = 100;
constexpr uint32_t kBackoffMaxMs = 3000;
constexpr uint32_t kConnectWithinMs = 20000;  // to connect; and again for each time Info is read
constexpr uint32_t kEffectPollMs = 1000;      // a lost state change costs this long
constexpr int kWritesPerTurn = 64;            // then other events are served

uint64_t now_us() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

uint16_t random_epoch() {
  return static_cast<uint16_t>(std::random_device()());
}

bool is_unconfirmed(PackageState state) {
  return state == PackageState::kVerified || state == PackageState::kTrial;
}

// Refusals that end by themselves, or when somebody else is done.
bool is_passing(Reason reason) {
  switch (reason) {
    case Reason::kBusy:
    case Reason::kTrialOpen:
    case Reason::kEraseBudgetSpent:
    case Reason::kOtherPackageKept:
      return true;
    default:
      return false;
  }
}

// What the detail of a reason means, where it adds something.
std::string detail_text(Reason reason, uint16_t detail) {
  switch (reason) {
    case Reason::kOperatorUnsupported:
    case Reason::kOperatorVersion:
    case Reason::kTypeUnsupported:
    case Reason::kShapeUnsupported:
    case Reason::kQuantizationUnsupported: {
      const char* name = runtime::operator_name(static_cast<runtime::BuiltinOperator>(detail));
      return name ? fmt::format(" (operator {})", name) : fmt::format(" (operator {})", detail);
    }
    case Reason::kDoesNotFit:
    case Reason::kArenaTooSmall:
      return fmt::format(" (it has {} KiB)", detail);
    case Reason::kArenaPlanTooLarge:
      return fmt::format(" (it needs {} KiB)", detail);
    case Reason::kRejectedBefore: {
      const Reason then = static_cast<Reason>(detail);
      return detail ? fmt::format(" ({})", protocol::describe(then).what) : "";
    }
    case Reason::kSelfTestFailed:
      return fmt::format(" (vector {})", detail + 1);
    default:
      return detail ? fmt::format(" (detail {})", detail) : "";
  }
}

}  // namespace

Outcome refusal(const std::string& stage, Reason reason, uint16_t detail) {
  const protocol::Description why = protocol::describe(reason);
  ExitCode code = ExitCode::kRefused;
  if (reason == Reason::kDoesNotFit || reason == Reason::kArenaTooSmall || reason == Reason::kArenaPlanTooLarge ||
      reason == Reason::kTooComplex || reason == Reason::kManifestTooLarge) {
    code = ExitCode::kDoesNotFit;
  }
  return {code, stage,
          fmt::format("the device says {}: {}{}; {}", why.name, why.what, detail_text(reason, detail), why.next),
          is_passing(reason)};
}

uint32_t roll_back_candidate(const protocol::Info& info) {
  for (uint8_t i = 0; i < info.slot_count; ++i) {
    if (is_unconfirmed(info.slots[i].state)) return info.slots[i].package_id;
  }
  return info.running.slot < info.slot_count ? info.slots[info.running.slot].package_id : 0;
}

Session::Session(Loop& loop, Link& link, SessionPlan plan, SessionOptions options, SessionEvents events)
    : loop_(loop), link_(link), plan_(std::move(plan)), options_(options), events_(std::move(events)) {
  if (plan_.package) target_package_ = plan_.package->id;
}

void Session::start() {
  connect();
}

void Session::cancel(const Outcome& why) {
  finish(why);
}

void Session::finish(const Outcome& outcome) {
  if (state_ == State::kDone) return;
  account();
  state_ = State::kDone;
  timer_ = {};
  watchdog_ = {};
  link_.disconnect();
  if (events_.done) events_.done(outcome);
}

void Session::refused(const std::string& stage, Reason reason, uint16_t detail) {
  finish(refusal(stage, reason, detail));
}

void Session::show(Phase phase) {
  if (!events_.progress) return;
  Progress progress;
  progress.phase = phase;
  progress.bytes_total = plan_.package ? plan_.package->payload.size() : 0;
  progress.bytes_resumed = report_.bytes_resumed;
  if (phase > Phase::kSend) progress.bytes_done = progress.bytes_total;
  if (sender_ && phase == Phase::kSend) progress.bytes_done = sender_->progress().payload_done;
  events_.progress(progress);
}

void Session::at(protocol::Deadline deadline, void (Session::*next)()) {
  timer_ = {};
  if (!deadline.any) return;
  const int32_t left_ms = static_cast<int32_t>(deadline.at_ms - Loop::now_ms());
  timer_ = loop_.after(static_cast<uint32_t>(std::max(left_ms, 0)), [this, next] { (this->*next)(); });
}

// ---- connecting ----

void Session::connect() {
  state_ = State::kConnecting;
  show(Phase::kConnect);
  expect_answer();
  LinkEvents events;
  events.connected = [this] {
    was_connected_ = true;
    read_info(State::kReadingInfo);
  };
  events.closed = [this](LinkError error, const std::string& why) { handle_closed(error, why); };
  events.notification = [this](Bytes frame) { handle_notification(frame); };
  events.writable = [this] { pump(); };
  link_.connect(std::move(events));
}

void Session::expect_answer() {
  watchdog_ = loop_.after(kConnectWithinMs, [this] {
    if (!was_connected_) {
      return finish({ExitCode::kTimedOut, "connect", "the device is there but does not answer; reset it", true});
    }
    handle_closed(LinkError::kLost, "the device does not answer");
  });
}

void Session::handle_closed(LinkError error, const std::string& why) {
  if (state_ == State::kDone) return;
  link_.disconnect();
  if (sender_) durable_when_lost_ = std::max(durable_when_lost_, sender_->progress().chunks_durable);
  account();
  if (stalled_since_us_ == 0) stalled_since_us_ = now_us();
  requester_.reset();
  const uint32_t now = Loop::now_ms();
  if (!recovering_) {
    recovering_ = true;
    lost_since_ms_ = now;
    backoff_ms_ = kBackoffMinMs;
  }
  const bool forbidden = error == LinkError::kNotPermitted;  // a person must act first
  const bool may_retry =
      !forbidden && (was_connected_ || error == LinkError::kRefused || error == LinkError::kLost);
  if (!may_retry || now - lost_since_ms_ >= options_.reconnect_within_ms) {
    if (error == LinkError::kRefused && was_connected_) {
      return finish(
          {ExitCode::kRefused, "offer", why + "; wait until it is free and run the same command again", true});
    }
    const char* next = forbidden ? ""
                       : was_connected_
                           ? "; what is durable on the device is kept: run the same command again to resume"
                           : "; check that it is powered, in reach and not held by another host";
    return finish({ExitCode::kLinkLost, was_connected_ ? "link" : "connect", why + next, !forbidden});
  }
  if (events_.log) events_.log(fmt::format("{}; trying again in {} ms", why, backoff_ms_));
  ++report_.reconnects;
  state_ = State::kReconnecting;
  watchdog_ = {};
  timer_ = loop_.after(backoff_ms_, [this] { connect(); });
  backoff_ms_ = std::min(backoff_ms_ * 2, kBackoffMaxMs);
}

void Session::read_info(State reading) {
  state_ = reading;
  expect_answer();
  const LinkStatus status = link_.read_info([this](Bytes value) { handle_info(value); });
  if (!status.ok()) handle_closed(LinkError::kLost, "Info cannot be read");
}

void Session::handle_info(Bytes value) {
  protocol::Info info;
  const Status<protocol::Error> status = protocol::decode_info(value, &info);
  if (!status.ok()) {
    if (status.error() == protocol::Error::kVersion) {
      return refused("connect", Reason::kProtocolVersion, value.empty() ? 0 : value[0]);
    }
    return finish({ExitCode::kRefused, "connect",
                   "the device's Info does not decode: it speaks another protocol, or is broken"});
  }
  if (!options_.device_id.empty() && hex(info.device_id) != options_.device_id) {
    return finish({ExitCode::kLinkLost, "connect",
                   fmt::format("another device ({}) answers in its place; is the right one powered and in reach?",
                               hex(info.device_id)),
                   true});
  }
  info_ = info;
  info_value_.assign(value.begin(), value.end());
  watchdog_ = {};
  if (state_ == State::kReadingInfo) {
    report_.att_mtu = link_.att_mtu();
    proceed();
  } else if (state_ == State::kReadingEffect) {
    Outcome failure;
    switch (effect_of_request(&failure)) {
      case Effect::kAchieved:
        return request_achieved();
      case Effect::kFailed:
        return finish(failure);
      case Effect::kNotYet:
        return await_effect();
    }
  }
}

// Where two slots hold it (rejected once, and sent again), the newer one counts.
const protocol::InfoSlot* Session::slot_of(uint32_t package_id) const {
  const protocol::InfoSlot* found = nullptr;
  for (uint8_t i = 0; info_ && i < info_->slot_count; ++i) {
    const protocol::InfoSlot& slot = info_->slots[i];
    if (slot.package_id != package_id || slot.state == PackageState::kEmpty) continue;
    if (!found || slot.generation > found->generation) found = &slot;
  }
  return found;
}

void Session::proceed() {
  if (plan_.package && !package_verified_) {
    const protocol::InfoSlot* slot = slot_of(plan_.package->id);
    const bool sealed = slot && (slot->state == PackageState::kVerified || slot->state == PackageState::kTrial ||
                                 slot->state == PackageState::kConfirmed);
    if (!sealed) {
      if (start_sending()) pump();
      return;
    }
    package_verified_ = true;
    report_.already_there = !first_accept_seen_;
  }
  if (next_request_ >= plan_.requests.size()) return finish({});
  // Made before the link was lost? Then its effect may be there already.
  Outcome failure;
  if (requested_) {
    switch (effect_of_request(&failure)) {
      case Effect::kAchieved:
        return request_achieved();
      case Effect::kFailed:
        return finish(failure);
      case Effect::kNotYet:
        break;
    }
  }
  start_request();
}

// ---- sending ----

bool Session::start_sending() {
  const Outcome fit = check_fit(*plan_.package, *info_);
  if (fit.code != ExitCode::kOk) {
    finish(fit);
    return false;
  }
  protocol::SendPackage package;
  package.manifest = plan_.package->manifest;
  package.payload = plan_.package->payload;
  package.package_id = plan_.package->id;
  protocol::SenderConfig config;
  config.att_mtu = link_.att_mtu();
  config.epoch_seed = random_epoch();
  config.force = options_.force;
  sender_.emplace(package, config);
  // Without a link nothing was in the air because nothing could be.
  if (stalled_since_us_ != 0 && first_accept_seen_)
    report_.radio_seconds += static_cast<double>(now_us() - stalled_since_us_) / 1e6;
  stalled_since_us_ = 0;
  state_ = State::kSending;
  if (began_us_ == 0) began_us_ = now_us();
  show(Phase::kOffer);
  if (!sender_->handle_info(info_->head).ok() && sender_->outcome() == protocol::Outcome::kRunning) {
    refused("offer", Reason::kProtocolVersion, info_->head.version);
    return false;
  }
  return true;
}

void Session::pump() {
  if (state_ == State::kRequesting) return pump_request();
  if (state_ != State::kSending) return;
  for (int writes = 0; writes < kWritesPerTurn; ++writes) {
    const protocol::SendAction action = sender_->poll(Loop::now_ms());
    if (action.kind == protocol::SendAction::Kind::kDone) return finish_sending();
    if (action.kind == protocol::SendAction::Kind::kNone) {
      if (stalled_since_us_ == 0) stalled_since_us_ = now_us();
      // The device has the manifest: it checks it, and erases what it needs before it accepts.
      if (sender_->state() == protocol::SenderState::kAwaitVerdict) show(Phase::kErase);
      return at(sender_->next_deadline(), &Session::pump);
    }
    const bool data = action.kind == protocol::SendAction::Kind::kWriteData;
    const LinkStatus status = data ? link_.write_data(action.bytes) : link_.write_control(action.bytes);
    if (status.error() == LinkError::kWouldBlock) return;  // `writable` comes
    if (!status.ok()) return handle_closed(LinkError::kLost, "a write was refused");
    (void)sender_->written();
    note_wait();
    stalled_since_us_ = 0;
  }
  timer_ = loop_.after(0, [this] { pump(); });
}

// A wait is what the report says that ends it.
void Session::note_wait() {
  if (stalled_since_us_ == 0) return;
  const uint64_t now = now_us();
  if (first_accept_seen_) {
    const double waited_s = static_cast<double>(now - stalled_since_us_) / 1e6;
    (sender_->progress().fragments_awaited > 0 ? report_.radio_seconds : report_.flash_seconds) += waited_s;
  }
  stalled_since_us_ = now;
}

// Adds up what the sender at hand did: there is one for every connection.
void Session::account() {
  if (!sender_) return;
  const protocol::SendProgress& progress = sender_->progress();
  report_.payload_bytes = progress.payload_size;
  report_.chunks = progress.chunk_count;
  report_.chunks_sent += progress.chunks_sent;
  report_.fragments_sent += progress.fragments_sent;
  report_.fragments_resent += progress.fragments_resent;
  report_.data_bytes += progress.data_bytes;
  report_.control_bytes += progress.control_bytes;
  report_.notified_bytes += progress.notified_bytes;
  report_.reports += progress.reports;
  report_.queries += progress.queries;
  report_.rewinds += progress.rewinds;
  report_.credit_stalls += progress.credit_stalls;
  report_.value_bytes = sender_->value_bytes();
  if (first_accept_seen_) report_.send_seconds = static_cast<double>(now_us() - accepted_us_) / 1e6;
  report_.seconds = static_cast<double>(now_us() - began_us_) / 1e6;
  sender_.reset();
}

void Session::finish_sending() {
  const protocol::Outcome outcome = sender_->outcome();
  const Reason reason = sender_->reason();
  const uint16_t detail = sender_->detail();
  // These pass: what is durable stays so, and the next offer resumes.
  if (reason == Reason::kBusy) return handle_closed(LinkError::kRefused, "the device is busy with something else");
  if (outcome == protocol::Outcome::kFailed &&
      (reason == Reason::kHostSilent || reason == Reason::kLinkLost || reason == Reason::kNoTransfer)) {
    return handle_closed(LinkError::kLost, "the device has given the transfer up");
  }
  switch (outcome) {
    case protocol::Outcome::kVerified:
      account();
      package_verified_ = true;
      recovering_ = false;
      // Info tells what is in the slots now, and what the requests are about.
      return read_info(State::kReadingInfo);
    case protocol::Outcome::kRefused:
      if (reason == Reason::kAlreadyHere && !package_verified_) {
        account();
        package_verified_ = true;
        report_.already_there = true;
        return read_info(State::kReadingInfo);
      }
      return refused("offer", reason, detail);
    case protocol::Outcome::kFailed:
      return refused(sender_->progress().stored ? "verify" : "send", reason, detail);
    case protocol::Outcome::kTimedOut:
      return finish(
          {ExitCode::kTimedOut, "send",
           "the device stopped answering; what is durable there is kept: run the same command again to resume",
           true});
    case protocol::Outcome::kCancelled:
      return finish({ExitCode::kInternal, "send", "cancelled"});
    case protocol::Outcome::kRunning:
    case protocol::Outcome::kLinkLost:
      return handle_closed(LinkError::kLost, "the link ended");
  }
}

// ---- requests ----

void Session::start_request() {
  const MessageType type = plan_.requests[next_request_];
  if (type == MessageType::kRollback && plan_.roll_back_from != 0 &&
      roll_back_candidate(*info_) != plan_.roll_back_from) {
    return request_achieved();
  }
  if (!requested_) {
    request_began_ms_ = Loop::now_ms();
    running_before_ = info_->running.slot;
    open_before_ = 0;
    for (uint8_t i = 0; i < info_->slot_count; ++i) {
      if (is_unconfirmed(info_->slots[i].state)) open_before_ = info_->slots[i].package_id;
    }
    if (type == MessageType::kActivate && target_package_ == 0) {
      for (uint8_t i = 0; i < info_->slot_count; ++i) {
        if (is_unconfirmed(info_->slots[i].state)) target_package_ = info_->slots[i].package_id;
      }
    }
    if (type == MessageType::kConfirm && target_package_ == 0 && info_->running.slot < info_->slot_count) {
      target_package_ = info_->slots[info_->running.slot].package_id;
    }
  }
  protocol::Request request;
  request.type = type;
  request.tag = ++tag_;
  if (type == MessageType::kActivate || type == MessageType::kConfirm) request.package_id = target_package_;
  requester_.emplace(request);
  state_ = State::kRequesting;
  show(type == MessageType::kConfirm ? Phase::kConfirm : Phase::kActivate);
  pump_request();
}

void Session::pump_request() {
  if (state_ != State::kRequesting || !requester_) return;
  for (;;) {
    const protocol::RequestAction action = requester_->poll(Loop::now_ms());
    if (action.kind == protocol::RequestAction::Kind::kDone) return finish_request();
    if (action.kind == protocol::RequestAction::Kind::kNone)
      return at(requester_->next_deadline(), &Session::pump_request);
    if (!link_.write_control(action.bytes).ok()) return handle_closed(LinkError::kLost, "a write was refused");
    (void)requester_->written();
    requested_ = true;
  }
}

void Session::finish_request() {
  const protocol::RequestOutcome outcome = requester_->outcome();
  const Reason reason = requester_->reason();
  const uint16_t detail = requester_->detail();
  const MessageType type = plan_.requests[next_request_];
  const std::string stage = type == MessageType::kActivate   ? "activate"
                            : type == MessageType::kConfirm  ? "confirm"
                            : type == MessageType::kAbort    ? "abort"
                            : type == MessageType::kRollback ? "roll back"
                                                             : "erase";
  requester_.reset();
  switch (outcome) {
    case protocol::RequestOutcome::kAnswered:
      if (reason == Reason::kBusy)
        return handle_closed(LinkError::kRefused, "the device is busy with something else");
      if (reason != Reason::kOk) return refused(stage, reason, detail);
      if (type == MessageType::kAbort || type == MessageType::kEraseModels) return request_achieved();
      // What was asked for may have come about before the answer did.
      return await_effect();
    case protocol::RequestOutcome::kTimedOut:
      return finish(
          {ExitCode::kTimedOut, stage, "the device does not answer; ask for its status, and try again", true});
    case protocol::RequestOutcome::kLinkLost:
    case protocol::RequestOutcome::kRunning:
      return handle_closed(LinkError::kLost, "the link ended");
  }
}

void Session::await_effect() {
  if (state_ == State::kDone) return;
  if (Loop::now_ms() - request_began_ms_ > options_.request_within_ms) {
    return finish({ExitCode::kTimedOut, "activate",
                   "the device took the request, but nothing came of it in time; ask for its status", true});
  }
  const bool first = state_ == State::kRequesting;
  state_ = State::kAwaitEffect;
  timer_ = loop_.after(first ? 50 : kEffectPollMs, [this] { read_info(State::kReadingEffect); });
}

Session::Effect Session::effect_of_request(Outcome* failure) const {
  const MessageType type = plan_.requests[next_request_];
  const protocol::InfoSlot* slot = slot_of(target_package_);
  switch (type) {
    case MessageType::kActivate:
      if (!slot) return Effect::kNotYet;
      if (slot->state == PackageState::kTrial || slot->state == PackageState::kConfirmed) {
        return info_->running.slot < info_->slot_count && &info_->slots[info_->running.slot] == slot
                   ? Effect::kAchieved
                   : Effect::kNotYet;
      }
      if (slot->state == PackageState::kRolledBack || slot->state == PackageState::kRejected) {
        *failure = refusal("activate", slot->reason, slot->detail);
        failure->code = ExitCode::kRolledBack;
        failure->sentence =
            "the model was stored and verified, but the device went back to the one before; " + failure->sentence;
        return Effect::kFailed;
      }
      return Effect::kNotYet;
    case MessageType::kConfirm:
      return slot && slot->state == PackageState::kConfirmed ? Effect::kAchieved : Effect::kNotYet;
    case MessageType::kRollback: {
      // An unconfirmed model is given up; without one, the model before runs.
      const protocol::InfoSlot* open = slot_of(open_before_);
      const bool still_open = open && is_unconfirmed(open->state);
      if (open_before_ != 0) return still_open ? Effect::kNotYet : Effect::kAchieved;
      return info_->running.slot != running_before_ ? Effect::kAchieved : Effect::kNotYet;
    }
    default:
      return Effect::kNotYet;
  }
}

void Session::request_achieved() {
  timer_ = {};
  requested_ = false;
  recovering_ = false;
  ++next_request_;
  if (next_request_ >= plan_.requests.size()) return finish({});
  start_request();
}

// ---- notifications ----

void Session::handle_notification(Bytes frame) {
  const uint32_t now = Loop::now_ms();
  if (state_ == State::kSending && sender_ && sender_->handle_notification(frame, now)) {
    const protocol::SendProgress& progress = sender_->progress();
    note_wait();
    if (progress.accepted && !first_accept_seen_) {
      first_accept_seen_ = true;
      accepted_us_ = now_us();
      report_.chunks_resumed = progress.resume_chunk;
      report_.bytes_resumed = progress.payload_done;
    }
    if (progress.chunks_durable > durable_when_lost_) recovering_ = false;
    if (progress.accepted) show(progress.stored ? Phase::kVerify : Phase::kSend);
    return pump();
  }
  if (state_ == State::kRequesting && requester_ && requester_->handle_notification(frame, now)) {
    return pump_request();
  }
  const uint8_t type = protocol::message_type(frame);
  if (type >= static_cast<uint8_t>(MessageType::kActive) && type <= static_cast<uint8_t>(MessageType::kConfirmed)) {
    const auto change = protocol::decode_state_change(frame);
    if (change.ok()) handle_state_change(change.value());
  }
}

// A state change only says "look now": Info is what counts, so that a lost or doubled one makes no difference.
void Session::handle_state_change(const protocol::StateChange&) {
  if (state_ != State::kAwaitEffect) return;
  timer_ = loop_.after(0, [this] { read_info(State::kReadingEffect); });
}

}  // namespace roost::host
