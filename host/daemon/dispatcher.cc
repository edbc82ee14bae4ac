#include "host/daemon/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/daemon/log.h"

namespace roost::host::daemon {

namespace {

constexpr uint32_t kTellMs = 100;

bool reached(uint32_t now_ms, uint32_t at_ms) {
  return static_cast<int32_t>(now_ms - at_ms) >= 0;
}

}  // namespace

Dispatcher::Dispatcher(Loop& loop, Registry& registry, Links& links, ModelStore& models, DispatcherOptions options)
    : loop_(loop), registry_(registry), links_(links), models_(models), options_(options) {}

void Dispatcher::poke() {
  soon_ = loop_.after(0, [this] { look(); });
}

void Dispatcher::look() {
  for (auto it = reading_.begin(); it != reading_.end() && running_.size() < options_.at_once;) {
    const DeviceRecord* device = registry_.device(it->device);
    if (running_.count(it->device)) {
      ++it;
      continue;
    }
    Reading reading = std::move(*it);
    it = reading_.erase(it);
    if (!device) {
      reading.done({ExitCode::kUsage, "connect", "the device was forgotten"}, {});
      continue;
    }
    begin(*device, nullptr, std::move(reading.done));
  }
  const uint32_t now = Loop::now_ms();
  uint32_t next_ms = UINT32_MAX;
  for (int64_t number : registry_.heads()) {
    const JobRecord& job = *registry_.job(number);
    if (registry_.is_ending(number) || running_.count(job.device)) continue;
    auto waiting = waiting_.find(number);
    if (waiting != waiting_.end() && !reached(now, waiting->second.until_ms)) {
      next_ms = std::min(next_ms, waiting->second.until_ms - now);
      continue;
    }
    const DeviceRecord* device = registry_.device(job.device);
    if (!device) {
      JobRecord orphan = job;
      orphan.state = JobState::kFailed;
      orphan.outcome = {ExitCode::kInternal, "connect", "the device of this job is not known any more"};
      registry_.end_job(orphan);
      continue;
    }
    if (running_.size() >= options_.at_once) break;
    begin(*device, &job, nullptr);
  }
  timer_ = {};
  if (next_ms != UINT32_MAX) timer_ = loop_.after(next_ms, [this] { look(); });
}

void Dispatcher::begin(const DeviceRecord& device, const JobRecord* job, InfoRead read) {
  Running& running = running_[device.key];
  running.job = job ? job->number : 0;
  running.read = std::move(read);
  running.activity.stage = Activity::Stage::kRunning;
  running.began_ms = Loop::now_ms();
  const auto waiting = waiting_.find(running.job);
  const bool by_id = waiting != waiting_.end() && waiting->second.by_id;
  Delivery::Events events;
  events.progress = [this, key = device.key](const Progress& progress) { handle_progress(key, progress); };
  events.log = [this, number = running.job, key = device.key](const std::string& text) {
    log_job(number, registry_.device(key), text);
  };
  events.done = [this, key = device.key](const Delivery::Result& result) { handle_done(key, result); };
  running.delivery = std::make_unique<Delivery>(loop_, links_, models_, device, job, by_id, std::move(events));
  running.delivery->start();
  if (job) tell(job->number);
}

void Dispatcher::handle_progress(int64_t device, const Progress& progress) {
  Running& running = running_.at(device);
  const uint32_t now = Loop::now_ms();
  const bool new_phase = progress.phase != running.activity.progress.phase;
  if (progress.phase == Phase::kSend && (new_phase || running.send_began_ms == 0)) {
    running.send_began_ms = now;
    running.send_began_bytes = progress.bytes_done;
  }
  running.activity.progress = progress;
  const uint32_t sending_ms = now - running.send_began_ms;
  if (progress.phase == Phase::kSend && sending_ms > 0 && progress.bytes_done > running.send_began_bytes) {
    running.activity.bytes_per_second = (progress.bytes_done - running.send_began_bytes) * 1000 / sending_ms;
  }
  if (!new_phase && !reached(now, running.told_ms + kTellMs)) return;
  running.told_ms = now;
  if (running.job != 0) tell(running.job);
}

void Dispatcher::handle_done(int64_t device, const Delivery::Result& result) {
  auto node = running_.extract(device);
  Running& running = node.mapped();
  if (result.info) expedite(registry_.learn(device, *result.info));
  if (running.read) running.read(result.outcome, result.info_value);
  if (const JobRecord* job = registry_.job(running.job)) settle(*job, running, result);
  // The delivery is still calling.
  soon_ = loop_.after(0, [this, ended = std::make_shared<std::unique_ptr<Delivery>>(std::move(running.delivery))] {
    ended->reset();
    look();
  });
}

// It is there: what waits for it need not wait any longer.
void Dispatcher::expedite(int64_t device) {
  for (auto& [number, waiting] : waiting_) {
    const JobRecord* job = registry_.job(number);
    if (job && job->device == device) waiting.until_ms = Loop::now_ms();
  }
}

void Dispatcher::settle(JobRecord job, const Running& running, const Delivery::Result& result) {
  if (result.end == Delivery::End::kLearned && !running.cancelled) {
    job.about = job.kind == JobKind::kRollback ? result.about : 0;
    return registry_.update_job(job);
  }
  job.attempts += 1;
  job.outcome = result.outcome;
  if (!result.report.empty()) job.report = result.report;
  const auto waiting = waiting_.find(job.number);
  const uint32_t since_ms = waiting == waiting_.end() ? running.began_ms : waiting->second.since_ms;
  job.waited_ms = result.progressed ? 0 : job.waited_ms + (Loop::now_ms() - since_ms);
  if (running.cancelled && result.outcome.code != ExitCode::kOk) {
    job.state = JobState::kCancelled;
  } else if (result.outcome.code == ExitCode::kOk) {
    job.state = JobState::kDone;
  } else if (!result.outcome.passing || job.waited_ms >= uint64_t{job.retry_for_s} * 1000) {
    job.state = JobState::kFailed;
  } else {
    return wait(job, result.outcome, result.progressed);
  }
  waiting_.erase(job.number);
  log_job(
      job.number, registry_.device(job.device),
      fmt::format("{}{}{}", state_name(job.state), job.outcome.sentence.empty() ? "" : ": ", job.outcome.sentence));
  registry_.end_job(job);
}

void Dispatcher::wait(const JobRecord& job, const Outcome& outcome, bool progressed) {
  Waiting& waiting = waiting_[job.number];
  waiting.backoff_ms = progressed || waiting.backoff_ms == 0
                           ? options_.backoff_first_ms
                           : std::min(waiting.backoff_ms * 2, options_.backoff_max_ms);
  waiting.since_ms = Loop::now_ms();
  waiting.until_ms = waiting.since_ms + waiting.backoff_ms;
  // Where it was last, it is not: perhaps its address rotated. By turns, since looking for an id takes air.
  waiting.by_id = outcome.stage == "connect" && !waiting.by_id;
  log_job(job.number, registry_.device(job.device),
          fmt::format("attempt {}: {}; again in {} ms", job.attempts, outcome.sentence, waiting.backoff_ms));
  registry_.update_job(job);
}

bool Dispatcher::cancel(int64_t number) {
  const JobRecord* job = registry_.job(number);
  if (!job || !job->open() || registry_.is_ending(number)) return false;
  const Outcome why = {ExitCode::kInterrupted, "cancelled",
                       "cancelled; what is durable on the device is kept for another job with the same model"};
  for (auto& [device, running] : running_) {
    if (running.job != number) continue;
    running.cancelled = true;
    running.delivery->cancel(why);
    return true;
  }
  waiting_.erase(number);
  JobRecord ended = *job;
  ended.state = JobState::kCancelled;
  ended.outcome = why;
  registry_.end_job(ended);
  poke();
  return true;
}

void Dispatcher::read_info(int64_t device, InfoRead done) {
  reading_.push_back({device, std::move(done)});
  poke();
}

Activity Dispatcher::activity(int64_t number) const {
  for (const auto& [device, running] : running_) {
    if (running.job == number) return running.activity;
  }
  Activity activity;
  const auto waiting = waiting_.find(number);
  if (waiting != waiting_.end()) {
    activity.stage = Activity::Stage::kWaiting;
    const uint32_t now = Loop::now_ms();
    const uint32_t left_ms = reached(now, waiting->second.until_ms) ? 0 : waiting->second.until_ms - now;
    activity.next_attempt_at = Registry::now() + left_ms / 1000;
  }
  return activity;
}

void Dispatcher::tell(int64_t number) {
  if (activity_changed_) activity_changed_(number);
}

}  // namespace roost::host::daemon
