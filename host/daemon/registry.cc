#include "host/daemon/registry.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>

#include "host/info_text.h"

namespace roost::host::daemon {

namespace {

constexpr uint32_t kAgainMs = 5000;

template <typename Map, typename Key>
auto find_in(const Map& map, const Key& key) -> const typename Map::mapped_type* {
  auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

Registry::Registry(Loop& loop, Database& database, Database::Contents contents)
    : loop_(loop), database_(database), last_device_(contents.last_device), last_job_(contents.last_job) {
  for (DeviceRecord& device : contents.devices) devices_[device.key] = std::move(device);
  for (JobRecord& job : contents.jobs) jobs_[job.number] = std::move(job);
  for (ModelRecord& model : contents.models) models_[model.digest] = std::move(model);
}

Time Registry::now() {
  return std::time(nullptr);
}

const DeviceRecord* Registry::device(int64_t key) const {
  return find_in(devices_, key);
}
const JobRecord* Registry::job(int64_t number) const {
  return find_in(jobs_, number);
}

// ---- devices

Lookup Registry::find_device(const std::string& text, int64_t* key) const {
  int matches = 0;
  for (const auto& [candidate, device] : devices_) {
    if (device.id == text || device.address == text) {
      *key = candidate;
      return Lookup::kFound;
    }
    if (device.name != text || text.empty()) continue;
    *key = candidate;
    ++matches;
  }
  return matches == 0 ? Lookup::kUnknown : matches == 1 ? Lookup::kFound : Lookup::kAmbiguous;
}

int64_t Registry::device_at(const std::string& address, const std::string& name) {
  for (auto& [key, known] : devices_) {
    if (known.address != address) continue;
    if (name.empty() || known.name == name) return key;
    known.name = name;
    put_device(known);
    return key;
  }
  DeviceRecord device;
  device.key = ++last_device_;
  device.address = address;
  device.name = name;
  devices_[device.key] = device;
  put_device(device);
  return device.key;
}

void Registry::put_device(const DeviceRecord& device) {
  Change change;
  change.devices.push_back(device);
  database_.apply(std::move(change), [key = device.key](const std::string& error) {
    if (!error.empty()) spdlog::error("device {}: not written: {}", key, error);
  });
  if (events_.device_changed) events_.device_changed(device);
}

int64_t Registry::learn(int64_t key, const protocol::Info& info) {
  if (!devices_.count(key)) return key;
  const std::string id = hex(info.device_id);
  for (const auto& [other, device] : devices_) {
    if (other == key || device.id != id) continue;
    merge(key, other);
    key = other;
    break;
  }
  DeviceRecord& device = devices_[key];
  device.id = id;
  device.hardware = string_of(info.hardware);
  device.running = running_name(info);
  device.running_digest = hex(info.running.model_digest);
  device.running_state = package_state_name(info.running.state);
  device.seen_at = now();
  put_device(device);
  return key;
}

// `from` was a new address of `into`.
void Registry::merge(int64_t from, int64_t into) {
  DeviceRecord& kept = devices_[into];
  kept.address = devices_[from].address;
  if (kept.name.empty()) kept.name = devices_[from].name;
  Change change;
  change.devices_removed.push_back(from);
  for (auto& [number, job] : jobs_) {
    if (job.device != from) continue;
    job.device = into;
    change.jobs.push_back(job);
  }
  const std::vector<JobRecord> moved = change.jobs;
  database_.apply(std::move(change), [into](const std::string& error) {
    if (!error.empty()) spdlog::error("device {}: not written: {}", into, error);
  });
  devices_.erase(from);
  if (events_.device_gone) events_.device_gone(from);
  for (const JobRecord& job : moved) {
    if (events_.job_changed) events_.job_changed(job);
  }
}

bool Registry::forget_device(int64_t key) {
  for (const auto& [number, job] : jobs_) {
    if (job.open() && job.device == key) return false;
  }
  devices_.erase(key);
  Change change;
  change.devices_removed.push_back(key);
  database_.apply(std::move(change), nullptr);
  if (events_.device_gone) events_.device_gone(key);
  return true;
}

// ---- models

void Registry::add_model(const ModelRecord& model, Applied applied) {
  Change change;
  change.models.push_back(model);
  database_.apply(std::move(change), [this, model, applied = std::move(applied)](const std::string& error) {
    if (error.empty()) {
      models_[model.digest] = model;
      if (events_.models_changed) events_.models_changed();
    }
    applied(error);
  });
}

bool Registry::remove_model(const std::string& digest) {
  for (const auto& [number, job] : jobs_) {
    if (job.open() && job.model == digest) return false;
  }
  models_.erase(digest);
  Change change;
  change.models_removed.push_back(digest);
  database_.apply(std::move(change), nullptr);
  if (events_.models_changed) events_.models_changed();
  return true;
}

// ---- jobs

void Registry::add_jobs(std::vector<JobRecord> jobs, Added added) {
  std::vector<int64_t> numbers;
  for (JobRecord& job : jobs) {
    job.number = ++last_job_;
    job.created_at = now();
    numbers.push_back(job.number);
  }
  Change change;
  change.jobs = jobs;
  database_.apply(std::move(change), [this, jobs, numbers, added = std::move(added)](const std::string& error) {
    if (error.empty()) {
      for (const JobRecord& job : jobs) jobs_[job.number] = job;
    }
    added(error, numbers);
    if (!error.empty() || !events_.job_changed) return;
    for (const JobRecord& job : jobs) events_.job_changed(job);
  });
}

void Registry::update_job(const JobRecord& job, Applied applied) {
  jobs_[job.number] = job;
  Change change;
  change.jobs.push_back(job);
  database_.apply(std::move(change), std::move(applied));
  if (events_.job_changed) events_.job_changed(job);
}

void Registry::end_job(JobRecord job) {
  job.ended_at = now();
  ending_.insert(job.number);
  Change change;
  change.jobs.push_back(job);
  database_.apply(std::move(change), [this, job](const std::string& error) {
    if (!error.empty()) {
      spdlog::error("job {}: its end cannot be written, which is tried again: {}", job.number, error);
      again_[job.number] = loop_.after(kAgainMs, [this, job] { end_job(job); });
      return;
    }
    again_.erase(job.number);
    ending_.erase(job.number);
    jobs_[job.number] = job;
    if (events_.job_changed) events_.job_changed(job);
    trim();
  });
}

// Ended jobs leave the memory, the oldest first.
void Registry::trim() {
  size_t ended = 0;
  for (const auto& [number, job] : jobs_) ended += job.open() ? 0 : 1;
  for (auto it = jobs_.begin(); it != jobs_.end() && ended > Database::kRecentJobs;) {
    if (it->second.open()) {
      ++it;
      continue;
    }
    const int64_t number = it->first;
    it = jobs_.erase(it);
    --ended;
    if (events_.job_gone) events_.job_gone(number);
  }
}

std::vector<int64_t> Registry::heads() const {
  std::vector<int64_t> heads;
  std::set<int64_t> devices;
  for (const auto& [number, job] : jobs_) {
    if (job.open() && devices.insert(job.device).second) heads.push_back(number);
  }
  return heads;
}

}  // namespace roost::host::daemon
