#include "host/daemon/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <optional>
#include <stdexcept>

namespace roost::host::daemon {

namespace {

// Entry k brings a database from version k to k + 1. An entry that was released is never changed.
constexpr const char* kMigrations[] = {
    R"(CREATE TABLE devices(
         key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, address TEXT NOT NULL, name TEXT NOT NULL,
         hardware TEXT NOT NULL, running TEXT NOT NULL, running_digest TEXT NOT NULL, running_state TEXT NOT NULL,
         seen_at INTEGER NOT NULL);
       CREATE TABLE models(
         digest TEXT PRIMARY KEY, name TEXT NOT NULL, size_bytes INTEGER NOT NULL, added_at INTEGER NOT NULL);
       CREATE TABLE jobs(
         number INTEGER PRIMARY KEY AUTOINCREMENT, device INTEGER NOT NULL, kind TEXT NOT NULL,
         model TEXT NOT NULL, options TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL,
         ended_at INTEGER NOT NULL, retry_for_s INTEGER NOT NULL, waited_ms INTEGER NOT NULL,
         attempts INTEGER NOT NULL, about INTEGER NOT NULL, exit_code INTEGER NOT NULL, stage TEXT NOT NULL,
         message TEXT NOT NULL, report TEXT NOT NULL);
       CREATE INDEX jobs_by_state ON jobs(state, number);
       CREATE INDEX jobs_by_device ON jobs(device, number);)",
};
constexpr int kSchemaVersion = std::size(kMigrations);

// SQLite's complaints travel as exceptions inside this file only.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check(sqlite3* connection, int result) {
  if (result != SQLITE_OK && result != SQLITE_DONE && result != SQLITE_ROW) {
    throw Failure(sqlite3_errmsg(connection));
  }
}

void execute(sqlite3* connection, const std::string& sql) {
  check(connection, sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr));
}

class Statement {
 public:
  Statement(sqlite3* connection, const std::string& sql) : connection_(connection) {
    check(connection, sqlite3_prepare_v2(connection, sql.c_str(), -1, &statement_, nullptr));
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  template <typename... Values>
  Statement& bind(const Values&... values) {
    check(connection_, sqlite3_reset(statement_));
    next_ = 0;
    (bind_one(values), ...);
    return *this;
  }
  // True: there is a row.
  bool step() {
    const int result = sqlite3_step(statement_);
    check(connection_, result);
    next_ = 0;
    return result == SQLITE_ROW;
  }
  int64_t integer() { return sqlite3_column_int64(statement_, next_++); }
  std::string text() {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, next_++));
    return text ? text : "";
  }

 private:
  void bind_one(int64_t value) { check(connection_, sqlite3_bind_int64(statement_, ++next_, value)); }
  void bind_one(const std::string& value) {
    check(connection_,
          sqlite3_bind_text(statement_, ++next_, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT));
  }
  void bind_one(const std::optional<std::string>& value) {
    if (value) return bind_one(*value);
    check(connection_, sqlite3_bind_null(statement_, ++next_));
  }

  sqlite3* connection_;
  sqlite3_stmt* statement_ = nullptr;
  int next_ = 0;
};

// Undone unless committed.
class Transaction {
 public:
  explicit Transaction(sqlite3* connection) : connection_(connection) { execute(connection, "BEGIN IMMEDIATE"); }
  ~Transaction() {
    if (connection_) sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  void commit() {
    execute(connection_, "COMMIT");
    connection_ = nullptr;
  }

 private:
  sqlite3* connection_;
};

int64_t number_of(sqlite3* connection, const std::string& sql) {
  Statement statement(connection, sql);
  return statement.step() ? statement.integer() : 0;
}

void migrate(sqlite3* connection) {
  const int64_t version = number_of(connection, "PRAGMA user_version");
  if (version > kSchemaVersion) {
    throw Failure(fmt::format("it has version {} and this program knows {}: install the newer one again", version,
                              kSchemaVersion));
  }
  for (int64_t v = version; v < kSchemaVersion; ++v) {
    Transaction transaction(connection);
    execute(connection, kMigrations[v]);
    execute(connection, fmt::format("PRAGMA user_version = {}", v + 1));
    transaction.commit();
  }
}

// ---- records

constexpr char kDeviceColumns[] =
    "key, id, address, name, hardware, running, running_digest, running_state, seen_at";
constexpr char kModelColumns[] = "digest, name, size_bytes, added_at";
constexpr char kJobColumns[] =
    "number, device, kind, model, options, state, created_at, ended_at, retry_for_s, waited_ms, attempts, about, "
    "exit_code, stage, message, report";

DeviceRecord read_device(Statement& row) {
  DeviceRecord device;
  device.key = row.integer();
  device.id = row.text();
  device.address = row.text();
  device.name = row.text();
  device.hardware = row.text();
  device.running = row.text();
  device.running_digest = row.text();
  device.running_state = row.text();
  device.seen_at = row.integer();
  return device;
}

ModelRecord read_model(Statement& row) {
  ModelRecord model;
  model.digest = row.text();
  model.name = row.text();
  model.size_bytes = static_cast<uint32_t>(row.integer());
  model.added_at = row.integer();
  return model;
}

JobRecord read_job(Statement& row) {
  JobRecord job;
  job.number = row.integer();
  job.device = row.integer();
  const bool known_kind = parse_kind(row.text(), &job.kind);
  job.model = row.text();
  const bool known_options = DeployOptions::from_json(row.text(), &job.options);
  const bool known_state = parse_state(row.text(), &job.state);
  if (!known_kind || !known_options || !known_state)
    throw Failure(fmt::format("job {} makes no sense", job.number));
  job.created_at = row.integer();
  job.ended_at = row.integer();
  job.retry_for_s = static_cast<uint32_t>(row.integer());
  job.waited_ms = static_cast<uint64_t>(row.integer());
  job.attempts = static_cast<uint32_t>(row.integer());
  job.about = static_cast<uint32_t>(row.integer());
  job.outcome.code = static_cast<ExitCode>(row.integer());
  job.outcome.stage = row.text();
  job.outcome.sentence = row.text();
  job.report = row.text();
  return job;
}

void write(sqlite3* connection, const Change& change) {
  Transaction transaction(connection);
  for (int64_t key : change.devices_removed) {
    Statement(connection, "DELETE FROM devices WHERE key = ?").bind(key).step();
  }
  for (const std::string& digest : change.models_removed) {
    Statement(connection, "DELETE FROM models WHERE digest = ?").bind(digest).step();
  }
  for (const DeviceRecord& d : change.devices) {
    const auto id = d.id.empty() ? std::nullopt : std::optional(d.id);
    Statement(connection,
              fmt::format("INSERT OR REPLACE INTO devices({}) VALUES(?,?,?,?,?,?,?,?,?)", kDeviceColumns))
        .bind(d.key, id, d.address, d.name, d.hardware, d.running, d.running_digest, d.running_state, d.seen_at)
        .step();
  }
  for (const ModelRecord& m : change.models) {
    Statement(connection, fmt::format("INSERT OR REPLACE INTO models({}) VALUES(?,?,?,?)", kModelColumns))
        .bind(m.digest, m.name, int64_t{m.size_bytes}, m.added_at)
        .step();
  }
  for (const JobRecord& j : change.jobs) {
    Statement(connection,
              fmt::format("INSERT OR REPLACE INTO jobs({}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", kJobColumns))
        .bind(j.number, j.device, std::string(kind_name(j.kind)), j.model, j.options.to_json(),
              std::string(state_name(j.state)), j.created_at, j.ended_at, int64_t{j.retry_for_s},
              static_cast<int64_t>(j.waited_ms), int64_t{j.attempts}, int64_t{j.about},
              int64_t{static_cast<int>(j.outcome.code)}, j.outcome.stage, j.outcome.sentence, j.report)
        .step();
  }
  transaction.commit();
}

void load(sqlite3* connection, Database::Contents* contents) {
  Statement devices(connection, fmt::format("SELECT {} FROM devices ORDER BY key", kDeviceColumns));
  while (devices.step()) contents->devices.push_back(read_device(devices));
  Statement models(connection, fmt::format("SELECT {} FROM models ORDER BY digest", kModelColumns));
  while (models.step()) contents->models.push_back(read_model(models));
  Statement jobs(connection,
                 fmt::format("SELECT {0} FROM jobs WHERE state = 'open' UNION SELECT * FROM (SELECT {0} "
                             "FROM jobs WHERE state <> 'open' ORDER BY number DESC LIMIT {1}) "
                             "ORDER BY number",
                             kJobColumns, Database::kRecentJobs));
  while (jobs.step()) contents->jobs.push_back(read_job(jobs));
  contents->last_device = number_of(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'devices'");
  contents->last_job = number_of(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'");
}

}  // namespace

void Database::Close::operator()(sqlite3* connection) const {
  sqlite3_close(connection);
}

std::unique_ptr<Database> Database::open(Loop& loop, const std::string& path, Contents* contents,
                                         std::string* error) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &opened,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Handle connection(opened);
  try {
    check(connection.get(), result);
    sqlite3_busy_timeout(connection.get(), 2000);
    execute(connection.get(),
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE");
    migrate(connection.get());
    Statement(connection.get(),
              "DELETE FROM jobs WHERE state <> 'open' AND number <= (SELECT max(number) FROM jobs) - ?")
        .bind(int64_t{kJobsKept})
        .step();
    load(connection.get(), contents);
  } catch (const Failure& failure) {
    *error = fmt::format("{}: {}", path, failure.what());
    return nullptr;
  }
  return std::unique_ptr<Database>(new Database(loop, std::move(connection)));
}

void Database::apply(Change change, Applied applied) {
  worker_.post([connection = connection_.get(), change = std::move(change), applied = std::move(applied)] {
    std::string error;
    try {
      write(connection, change);
    } catch (const Failure& failure) {
      error = failure.what();
    }
    return [applied, error] {
      if (applied) applied(error);
    };
  });
}

void Database::list_ended(int64_t device, int64_t before, uint32_t count, Listed listed) {
  worker_.post([connection = connection_.get(), device, before, count, listed = std::move(listed)] {
    std::string error;
    std::vector<JobRecord> jobs;
    try {
      Statement rows(connection,
                     fmt::format("SELECT {} FROM jobs WHERE state <> 'open' AND (?1 = 0 OR device = ?1) "
                                 "AND (?2 = 0 OR number < ?2) ORDER BY number DESC LIMIT ?3",
                                 kJobColumns));
      rows.bind(device, before, int64_t{count});
      while (rows.step()) jobs.push_back(read_job(rows));
    } catch (const Failure& failure) {
      error = failure.what();
    }
    return [listed, error, jobs = std::move(jobs)] { listed(error, jobs); };
  });
}

}  // namespace roost::host::daemon
