// The daemon's memory over restarts: SQLite in WAL mode, every change a transaction that is on the disk before it
// is told to anybody. Opening reads everything and may block; after that all of it is done by one worker.
//
//   auto database = Database::open(loop, "/var/lib/roost/roost.db", &contents, &error);
//   Change change;
//   change.jobs.push_back(job);
//   database->apply(std::move(change), [](const std::string& error) { ... });   // empty: it is durable
//
// The schema has a version (PRAGMA user_version); an older one is brought up to date when it is opened, a newer one
// is refused. Records are written whole: the last one written is what counts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/daemon/records.h"
#include "host/daemon/worker.h"

struct sqlite3;

namespace roost::host::daemon {

// What a transaction writes: records with a key that is there are replaced.
struct Change {
  std::vector<DeviceRecord> devices;
  std::vector<ModelRecord> models;
  std::vector<JobRecord> jobs;
  std::vector<int64_t> devices_removed;
  std::vector<std::string> models_removed;
};

class Database {
 public:
  struct Contents {
    std::vector<DeviceRecord> devices;
    std::vector<ModelRecord> models;
    std::vector<JobRecord> jobs;  // open ones, and the kRecentJobs last ended
    int64_t last_device = 0;      // keys ever given
    int64_t last_job = 0;
  };
  static constexpr int kRecentJobs = 100;
  static constexpr int kJobsKept = 10000;  // ended ones beyond that are forgotten at the next opening

  // Null with a sentence when it cannot be opened, is damaged, or was written by a newer daemon.
  static std::unique_ptr<Database> open(Loop& loop, const std::string& path, Contents* contents,
                                        std::string* error);

  using Applied = std::function<void(const std::string& error)>;
  void apply(Change change, Applied applied);

  // The newest ended jobs first, at most `count` of them, older than `before` (0: the newest); of one device, or of
  // all (0).
  using Listed = std::function<void(const std::string& error, std::vector<JobRecord> jobs)>;
  void list_ended(int64_t device, int64_t before, uint32_t count, Listed listed);

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  using Handle = std::unique_ptr<sqlite3, Close>;
  Database(Loop& loop, Handle connection) : connection_(std::move(connection)), worker_(loop) {}

  Handle connection_;  // the worker's alone
  Worker worker_;      // ends before it
};

}  // namespace roost::host::daemon
