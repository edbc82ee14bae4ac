#include "host/daemon/delivery.h"

#include "host/report.h"

namespace roost::host::daemon {

namespace {

using protocol::MessageType;

std::vector<MessageType> requests_of(const JobRecord& job) {
  switch (job.kind) {
    case JobKind::kDeploy: {
      std::vector<MessageType> requests;
      if (job.options.activate) requests.push_back(MessageType::kActivate);
      if (job.options.activate && job.options.confirm) requests.push_back(MessageType::kConfirm);
      return requests;
    }
    case JobKind::kActivate:
      return {MessageType::kActivate};
    case JobKind::kConfirm:
      return {MessageType::kConfirm};
    case JobKind::kRollback:
      return {MessageType::kRollback};
    case JobKind::kAbort:
      return {MessageType::kAbort};
    case JobKind::kErase:
      return {MessageType::kEraseModels};
  }
  return {};
}

}  // namespace

Delivery::Delivery(Loop& loop, Links& links, ModelStore& models, DeviceRecord device, const JobRecord* job,
                   bool by_id, Events events)
    : loop_(loop),
      links_(links),
      models_(models),
      device_(std::move(device)),
      job_(job ? std::optional(*job) : std::nullopt),
      by_id_(by_id),
      events_(std::move(events)) {}

void Delivery::start() {
  soon_ = loop_.after(0, [this] { load(); });
}

bool Delivery::learns() const {
  if (!job_) return false;
  return device_.id.empty() || (job_->kind == JobKind::kRollback && job_->about == 0);
}

void Delivery::load() {
  if (!job_ || job_->kind != JobKind::kDeploy || learns()) return take_turn();
  models_.load(
      job_->model, job_->options,
      [this, alive = std::weak_ptr<bool>(alive_)](const Outcome& outcome, std::shared_ptr<const Package> package) {
        if (alive.expired() || done_) return;
        if (outcome.code != ExitCode::kOk) return finish(outcome);
        package_ = std::move(package);
        take_turn();
      });
}

void Delivery::take_turn() {
  const std::string adapter = links_.adapter_of(device_.address);
  if (adapter.empty()) return converse();
  turn_ = links_.arbiter().ask(adapter, [this] { converse(); });
}

void Delivery::converse() {
  Outcome outcome;
  link_ = links_.open(device_, by_id_, &outcome);
  if (!link_) return finish(outcome);
  SessionPlan plan;
  if (job_ && !learns()) {
    plan.package = package_.get();
    plan.requests = requests_of(*job_);
    plan.roll_back_from = job_->about;
  }
  SessionOptions options;
  options.force = job_ && job_->options.force;
  options.reconnect_within_ms = 0;  // the next attempt at the job reconnects
  options.device_id = device_.id;
  SessionEvents events;
  events.progress = [this](const Progress& progress) { handle_progress(progress); };
  events.log = events_.log;
  events.done = [this](const Outcome& ended) { handle_done(ended); };
  session_ = std::make_unique<Session>(loop_, *link_, plan, options, events);
  session_->start();
}

void Delivery::handle_progress(const Progress& progress) {
  if (progress.phase != Phase::kConnect) turn_ = {};
  if (progress.phase == Phase::kSend) {
    if (bytes_seen_ == 0) bytes_seen_ = progress.bytes_done + 1;  // so that 0 says: not yet
    if (progress.bytes_done >= bytes_seen_) result_.progressed = true;
  }
  if (progress.phase > Phase::kSend) result_.progressed = true;
  if (events_.progress) events_.progress(progress);
}

void Delivery::handle_done(const Outcome& outcome) {
  result_.info = session_->info();
  result_.info_value = session_->info_value();
  if (outcome.code == ExitCode::kOk && learns()) {
    result_.about = roll_back_candidate(*result_.info);
    const bool nothing = job_->kind == JobKind::kRollback && result_.about == 0;
    if (nothing) return finish(refusal("roll back", protocol::Reason::kNothingToReturnTo, 0));
    result_.end = End::kLearned;
  }
  const SessionReport& report = session_->report();
  if (package_ && (report.already_there || report.payload_bytes > 0)) {
    AirParameters air;
    air.encrypted = result_.info && (result_.info->policy & protocol::kPolicyEncrypted) != 0;
    const auto radio = link_->calls().empty() ? std::nullopt : std::optional(air);
    result_.report = report_json(*package_, report, link_->calls(), radio).dump();
  }
  finish(outcome);
}

void Delivery::cancel(const Outcome& why) {
  if (session_) return session_->cancel(why);
  finish(why);
}

// The session that ended is still calling, so whoever hears of it may only then destroy us.
void Delivery::finish(const Outcome& outcome) {
  if (std::exchange(done_, true)) return;
  result_.outcome = outcome;
  turn_ = {};
  soon_ = loop_.after(0, [this] {
    const auto done = events_.done;
    const Result result = result_;
    done(result);
  });
}

}  // namespace roost::host::daemon
