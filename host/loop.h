// The host's one event loop: sd-event behind RAII. Single-threaded; every callback runs inside run().
//
//   Loop loop;
//   Loop::Source watch = loop.watch(fd, EPOLLIN, [&](uint32_t events) { ... });
//   loop.run();   // until loop.stop(code)
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

struct sd_event;
struct sd_event_source;

namespace roost::host {

class Loop {
 public:
  // Owns a registration; destroying it unregisters, also from inside its own callback.
  class Source {
   public:
    struct State;
    Source();
    explicit Source(std::unique_ptr<State> state);
    Source(Source&&) noexcept;
    Source& operator=(Source&&) noexcept;
    ~Source();
    explicit operator bool() const { return state_ != nullptr; }
    // Changes what an fd watch waits for (EPOLLIN, EPOLLOUT).
    void set_events(uint32_t events);

   private:
    std::unique_ptr<State> state_;
  };

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // `events` are epoll's. The fd stays the caller's.
  Source watch(int fd, uint32_t events, std::function<void(uint32_t events)> callback);
  // Calls once, `delay_ms` from now (0: as soon as other events were served).
  Source after(uint32_t delay_ms, std::function<void()> callback);
  // Calls once on SIGINT or SIGTERM, which are blocked for the process from here on.
  Source on_terminate(std::function<void()> callback);

  // Tells systemd's watchdog that the loop turns, where the service has one.
  void feed_watchdog();

  // CLOCK_MONOTONIC in milliseconds, wrapping; read anew at each call.
  static uint32_t now_ms();

  int run();
  void stop(int code);
  // Serves what comes within `timeout_ms`, for programs whose loop is another one.
  void run_for(uint32_t timeout_ms);

 private:
  sd_event* event_ = nullptr;
};

}  // namespace roost::host
