// Decides which job runs when: the oldest open job of each device, so many at once, each tried again with back-off
// until it succeeds, is refused for good, is cancelled, or has made no progress for as long as it may.
//
//   Dispatcher dispatcher(loop, registry, links, models, {});
//   dispatcher.poke();     // whenever there may be something new to do
//
// The waiting time of a job counts only while the daemon runs and by a clock that does not jump, so that a gateway
// that starts with a wrong date gives up nothing.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "host/daemon/delivery.h"
#include "host/daemon/registry.h"

namespace roost::host::daemon {

struct DispatcherOptions {
  size_t at_once = 8;                // sessions; a controller holds some eight to ten connections
  uint32_t backoff_first_ms = 1000;  // doubles
  uint32_t backoff_max_ms = 60000;
};

// What is going on with an open job; gone with a restart.
struct Activity {
  enum class Stage { kQueued, kWaiting, kRunning } stage = Stage::kQueued;
  Progress progress;
  uint64_t bytes_per_second = 0;
  Time next_attempt_at = 0;  // kWaiting
};

class Dispatcher {
 public:
  Dispatcher(Loop& loop, Registry& registry, Links& links, ModelStore& models, DispatcherOptions options);

  // Called for each change of an activity, ten times a second and job at most while it sends.
  void on_activity(std::function<void(int64_t number)> callback) { activity_changed_ = std::move(callback); }

  void poke();
  // False when there is no such open job.
  bool cancel(int64_t number);
  // Connects and reads Info, between two jobs of that device. Once; no waiting for a device that is not there.
  using InfoRead = std::function<void(const Outcome& outcome, const std::vector<uint8_t>& value)>;
  void read_info(int64_t device, InfoRead done);

  Activity activity(int64_t number) const;
  size_t running() const { return running_.size(); }

 private:
  struct Running {
    int64_t job = 0;  // 0: reads Info
    InfoRead read;
    std::unique_ptr<Delivery> delivery;
    Activity activity;
    uint32_t began_ms = 0;
    uint32_t send_began_ms = 0;
    uint64_t send_began_bytes = 0;
    uint32_t told_ms = 0;
    bool cancelled = false;
  };
  // Between two attempts.
  struct Waiting {
    uint32_t since_ms = 0;
    uint32_t until_ms = 0;
    uint32_t backoff_ms = 0;
    bool by_id = false;
  };
  struct Reading {
    int64_t device;
    InfoRead done;
  };

  void look();
  void begin(const DeviceRecord& device, const JobRecord* job, InfoRead read);
  void handle_progress(int64_t device, const Progress& progress);
  void handle_done(int64_t device, const Delivery::Result& result);
  void expedite(int64_t device);
  void settle(JobRecord job, const Running& running, const Delivery::Result& result);
  void wait(const JobRecord& job, const Outcome& outcome, bool progressed);
  void tell(int64_t number);

  Loop& loop_;
  Registry& registry_;
  Links& links_;
  ModelStore& models_;
  const DispatcherOptions options_;
  std::function<void(int64_t)> activity_changed_;
  std::map<int64_t, Running> running_;  // by device
  std::map<int64_t, Waiting> waiting_;  // by job
  std::deque<Reading> reading_;
  Loop::Source soon_;
  Loop::Source timer_;
};

}  // namespace roost::host::daemon
