#include "host/loop.h"

#include <errno.h>
#include <signal.h>
#include <systemd/sd-event.h>
#include <time.h>

#include <stdexcept>
#include <vector>

namespace roost::host {

struct Loop::Source::State {
  std::vector<sd_event_source*> sources;
  std::function<void(uint32_t)> callback;

  ~State() {
    for (sd_event_source* source : sources) sd_event_source_disable_unref(source);
  }
};

namespace {

// So many callbacks run before run_for() returns even if there is more.
constexpr int kServedAtOnce = 32;

// A loop that has ended takes nothing more; what is then torn down may still ask, and nothing of it would ever
// fire.
void require(int result, const char* what) {
  if (result < 0 && result != -ESTALE) throw std::runtime_error(std::string("event loop: ") + what + " failed");
}

// The callback is copied first: it may destroy its own Source.
void call(void* userdata, uint32_t events) {
  auto callback = static_cast<Loop::Source::State*>(userdata)->callback;
  callback(events);
}

int on_io(sd_event_source*, int, uint32_t events, void* userdata) {
  call(userdata, events);
  return 0;
}

int on_time(sd_event_source*, uint64_t, void* userdata) {
  call(userdata, 0);
  return 0;
}

int on_signal(sd_event_source*, const signalfd_siginfo*, void* userdata) {
  call(userdata, 0);
  return 0;
}

}  // namespace

Loop::Source::Source() = default;
Loop::Source::Source(std::unique_ptr<State> state) : state_(std::move(state)) {}
Loop::Source::Source(Source&&) noexcept = default;
Loop::Source& Loop::Source::operator=(Source&&) noexcept = default;
Loop::Source::~Source() = default;

void Loop::Source::set_events(uint32_t events) {
  if (state_ && state_->sources.front())
    require(sd_event_source_set_io_events(state_->sources.front(), events), "watch");
}

Loop::Loop() {
  require(sd_event_new(&event_), "start");
}
Loop::~Loop() {
  sd_event_unref(event_);
}

Loop::Source Loop::watch(int fd, uint32_t events, std::function<void(uint32_t)> callback) {
  auto state = std::make_unique<Source::State>();
  state->callback = std::move(callback);
  sd_event_source* source = nullptr;
  require(sd_event_add_io(event_, &source, fd, events, on_io, state.get()), "watch");
  state->sources.push_back(source);
  return Source(std::move(state));
}

Loop::Source Loop::after(uint32_t delay_ms, std::function<void()> callback) {
  auto state = std::make_unique<Source::State>();
  state->callback = [callback = std::move(callback)](uint32_t) { callback(); };
  sd_event_source* source = nullptr;
  require(sd_event_add_time_relative(event_, &source, CLOCK_MONOTONIC, uint64_t{delay_ms} * 1000, 1, on_time,
                                     state.get()),
          "timer");
  state->sources.push_back(source);
  return Source(std::move(state));
}

Loop::Source Loop::on_terminate(std::function<void()> callback) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  auto state = std::make_unique<Source::State>();
  state->callback = [callback = std::move(callback)](uint32_t) { callback(); };
  for (int number : {SIGINT, SIGTERM}) {
    sd_event_source* source = nullptr;
    require(sd_event_add_signal(event_, &source, number, on_signal, state.get()), "signal");
    state->sources.push_back(source);
  }
  return Source(std::move(state));
}

uint32_t Loop::now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint32_t>(uint64_t(now.tv_sec) * 1000 + uint64_t(now.tv_nsec) / 1000000);
}

void Loop::feed_watchdog() {
  require(sd_event_set_watchdog(event_, true), "watchdog");
}

int Loop::run() {
  int code = sd_event_loop(event_);
  return code < 0 ? 1 : code;
}

// Waits for the first event only; what is ready with it is served too.
void Loop::run_for(uint32_t timeout_ms) {
  uint64_t wait_us = uint64_t{timeout_ms} * 1000;
  for (int served = 0; served < kServedAtOnce && sd_event_run(event_, wait_us) > 0; ++served) wait_us = 0;
}

void Loop::stop(int code) {
  sd_event_exit(event_, code);
}

}  // namespace roost::host
