// The daemon's devices, models and jobs: in memory for the loop, in the database for good. Knows nothing of links
// or of D-Bus; who wants to hear of changes sets the events.
//
// A job is durable before it is begun or told of, and its end before that is told: a daemon that is killed in between
// does it again, which finds on the device that it is done. A job ends once.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "host/daemon/database.h"
#include "protocol/info.h"

namespace roost::host::daemon {

struct RegistryEvents {
  std::function<void(const DeviceRecord&)> device_changed;  // or is new
  std::function<void(int64_t key)> device_gone;
  std::function<void(const JobRecord&)> job_changed;  // or is new, or ended
  std::function<void(int64_t number)> job_gone;       // from memory: the history has it
  std::function<void()> models_changed;
};

// What a text that names a device may turn out to be.
enum class Lookup { kFound, kUnknown, kAmbiguous };

class Registry {
 public:
  Registry(Loop& loop, Database& database, Database::Contents contents);
  void set_events(RegistryEvents events) { events_ = std::move(events); }

  const std::map<int64_t, DeviceRecord>& devices() const { return devices_; }
  const std::map<int64_t, JobRecord>& jobs() const { return jobs_; }
  const std::map<std::string, ModelRecord>& models() const { return models_; }
  const DeviceRecord* device(int64_t key) const;
  const JobRecord* job(int64_t number) const;

  // By device id, address or name.
  Lookup find_device(const std::string& text, int64_t* key) const;
  // The device at that address, as it is known or as a new one. Where a radio heard it, with what it advertised.
  int64_t device_at(const std::string& address, const std::string& name = "");
  // What a device said of itself. Gives the key that stands for it from now on: a device that was known under
  // another address keeps the key and the jobs that it had, and gets those of `key`.
  int64_t learn(int64_t key, const protocol::Info& info);
  // False while it has open jobs.
  bool forget_device(int64_t key);

  using Applied = Database::Applied;
  void add_model(const ModelRecord& model, Applied applied);
  // False while an open job needs it.
  bool remove_model(const std::string& digest);

  // Numbers them and keeps them; `added` gets the numbers once they are durable.
  using Added = std::function<void(const std::string& error, const std::vector<int64_t>& numbers)>;
  void add_jobs(std::vector<JobRecord> jobs, Added added);
  void update_job(const JobRecord& job, Applied applied = nullptr);
  // `job` has its final state and outcome. Tried again until the database takes it.
  void end_job(JobRecord job);
  void list_ended(int64_t device, int64_t before, uint32_t count, Database::Listed listed) {
    database_.list_ended(device, before, count, std::move(listed));
  }
  // Whether its end is being written: it is neither run nor ended again.
  bool is_ending(int64_t number) const { return ending_.count(number) != 0; }

  // The first open job of each device, in the order of their numbers: the only ones that may run.
  std::vector<int64_t> heads() const;

  static Time now();

 private:
  void put_device(const DeviceRecord& device);
  void merge(int64_t from, int64_t into);
  void trim();

  Loop& loop_;
  Database& database_;
  RegistryEvents events_;
  std::map<int64_t, DeviceRecord> devices_;
  std::map<int64_t, JobRecord> jobs_;  // open ones, and some that ended lately
  std::map<std::string, ModelRecord> models_;
  std::set<int64_t> ending_;
  std::map<int64_t, Loop::Source> again_;  // ends that the database did not take
  int64_t last_device_;
  int64_t last_job_;
};

}  // namespace roost::host::daemon
