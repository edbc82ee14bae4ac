// Proves the parts of roostd one by one: what it remembers over a restart, that a database it cannot trust is refused,
// that the air is taken in turns, that the loop never waits for the worker, and which job may run. tests/daemon/daemon.py
// proves the whole.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "host/daemon/arbiter.h"
#include "host/daemon/deploy_arguments.h"
#include "host/daemon/model_store.h"
#include "host/daemon/pairing_desk.h"
#include "host/daemon/registry.h"
#include "tests/bluez/bluez_double.h"
#include "tests/bluez/private_bus.h"

namespace roost::host::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Folder : public ::testing::Test {
 protected:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "roost-daemon-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~Folder() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  // Turns the loop until `done`, or for ten seconds.
  template <typename Done>
  bool turn(Done done) {
    const uint32_t began = Loop::now_ms();
    while (!done() && Loop::now_ms() - began < 10000) loop_.run_for(20);
    return done();
  }

  std::string folder_;
  Loop loop_;
};

// ---- Worker

using WorkerTest = Folder;

TEST_F(WorkerTest, WorksInOrderElsewhereAndCompletesOnTheLoop) {
  const auto here = std::this_thread::get_id();
  std::vector<int> completed;
  std::atomic<int> elsewhere{0};
  Worker worker(loop_);
  for (int k = 0; k < 5; ++k) {
    worker.post([&, k] {
      if (std::this_thread::get_id() != here) ++elsewhere;
      return [&, k] {
        EXPECT_EQ(std::this_thread::get_id(), here);
        completed.push_back(k);
      };
    });
  }
  ASSERT_TRUE(turn([&] { return completed.size() == 5; }));
  EXPECT_THAT(completed, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(elsewhere, 5);
}

TEST_F(WorkerTest, FinishesWhatWasPostedWhenItEndsAndCompletesNothing) {
  std::atomic<int> worked{0};
  bool completed = false;
  {
    Worker worker(loop_);
    for (int k = 0; k < 3; ++k) {
      worker.post([&] {
        ++worked;
        return [&] { completed = true; };
      });
    }
  }
  EXPECT_EQ(worked, 3);
  loop_.run_for(10);
  EXPECT_FALSE(completed);
}

// ---- Database

class DatabaseTest : public Folder {
 protected:
  std::unique_ptr<Database> open(Database::Contents* contents) {
    std::string error;
    auto database = Database::open(loop_, path("d.db"), contents, &error);
    error_ = error;
    return database;
  }
  std::string apply(Database& database, Change change) {
    std::optional<std::string> told;
    database.apply(std::move(change), [&](const std::string& error) { told = error; });
    EXPECT_TRUE(turn([&] { return told.has_value(); }));
    return told.value_or("nothing was told");
  }
  void execute(const std::string& sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path("d.db").c_str(), &connection), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(connection);
  }
  std::string error_;
};

JobRecord some_job(int64_t number) {
  JobRecord job;
  job.number = number;
  job.device = 7;
  job.kind = JobKind::kRollback;
  job.model = "abc";
  job.options.package.name = "gesture";
  job.options.package.body.labels = {"a", "b"};
  job.options.package.body.key_values = {{"k", "v"}};
  job.options.package.counter = UINT64_MAX;
  job.options.self_test = "{\"vectors\": []}";
  job.options.confirm = true;
  job.created_at = 1000;
  job.retry_for_s = 60;
  job.waited_ms = 1234567890123;
  job.attempts = 3;
  job.about = 0xFFFFFFFF;
  job.outcome = {ExitCode::kTimedOut, "send", "it's \"late\""};
  return job;
}

TEST_F(DatabaseTest, RemembersEveryFieldOverAReopening) {
  Database::Contents contents;
  const JobRecord job = some_job(12);
  DeviceRecord device;
  device.key = 7;
  device.id = std::string(32, 'a');
  device.address = "sim:/x";
  device.name = "left";
  device.seen_at = 99;
  {
    auto database = open(&contents);
    ASSERT_TRUE(database) << error_;
    Change change;
    change.jobs = {job};
    change.devices = {device};
    change.models = {{"abc", "gesture", 31337, 5}};
    EXPECT_EQ(apply(*database, change), "");
  }
  contents = {};
  ASSERT_TRUE(open(&contents)) << error_;
  ASSERT_EQ(contents.jobs.size(), 1u);
  const JobRecord& read = contents.jobs[0];
  EXPECT_EQ(read.number, job.number);
  EXPECT_EQ(read.kind, job.kind);
  EXPECT_EQ(read.options.to_json(), job.options.to_json());
  EXPECT_EQ(read.options.package.counter, UINT64_MAX);
  EXPECT_EQ(read.waited_ms, job.waited_ms);
  EXPECT_EQ(read.about, job.about);
  EXPECT_EQ(read.outcome.code, job.outcome.code);
  EXPECT_EQ(read.outcome.sentence, job.outcome.sentence);
  ASSERT_EQ(contents.devices.size(), 1u);
  EXPECT_EQ(contents.devices[0].id, device.id);
  EXPECT_EQ(contents.devices[0].seen_at, 99);
  ASSERT_EQ(contents.models.size(), 1u);
  EXPECT_EQ(contents.models[0].size_bytes, 31337u);
  EXPECT_EQ(contents.last_job, 12);
  EXPECT_EQ(contents.last_device, 7);
}

TEST_F(DatabaseTest, TwoDevicesWithoutAnIdMayStandSideBySide) {
  Database::Contents contents;
  auto database = open(&contents);
  Change change;
  change.devices.resize(2);
  change.devices[0].key = 1;
  change.devices[1].key = 2;
  EXPECT_EQ(apply(*database, change), "");
}

TEST_F(DatabaseTest, NeverGivesANumberTwice) {
  Database::Contents contents;
  {
    auto database = open(&contents);
    Change change;
    change.devices.resize(1);
    change.devices[0].key = 41;
    EXPECT_EQ(apply(*database, change), "");
    Change removal;
    removal.devices_removed = {41};
    EXPECT_EQ(apply(*database, removal), "");
  }
  contents = {};
  ASSERT_TRUE(open(&contents));
  EXPECT_TRUE(contents.devices.empty());
  EXPECT_EQ(contents.last_device, 41);
}

TEST_F(DatabaseTest, RefusesOneThatANewerDaemonWrote) {
  Database::Contents contents;
  ASSERT_TRUE(open(&contents));
  execute("PRAGMA user_version = 99");
  EXPECT_FALSE(open(&contents));
  EXPECT_THAT(error_, HasSubstr("version 99"));
}

TEST_F(DatabaseTest, RefusesADamagedOneWithASentenceAndLeavesItAlone) {
  std::ofstream(path("d.db")) << std::string(5000, 'x');
  Database::Contents contents;
  EXPECT_FALSE(open(&contents));
  EXPECT_THAT(error_, HasSubstr("not a database"));
  EXPECT_EQ(std::filesystem::file_size(path("d.db")), 5000u);
}

TEST_F(DatabaseTest, KeepsEveryOpenJobAndForgetsTheOldestEnded) {
  Database::Contents contents;
  {
    auto database = open(&contents);
    Change change;
    change.jobs.push_back(some_job(1));
    JobRecord ended = some_job(2);
    ended.state = JobState::kDone;
    change.jobs.push_back(ended);
    ended.number = 2 + Database::kJobsKept;
    change.jobs.push_back(ended);
    EXPECT_EQ(apply(*database, change), "");
  }
  contents = {};
  ASSERT_TRUE(open(&contents));
  ASSERT_EQ(contents.jobs.size(), 2u);
  EXPECT_EQ(contents.jobs[0].number, 1);
}

// ---- Registry

class RegistryTest : public DatabaseTest {
 protected:
  void start() {
    Database::Contents contents;
    database_ = open(&contents);
    ASSERT_TRUE(database_) << error_;
    registry_ = std::make_unique<Registry>(loop_, *database_, std::move(contents));
  }
  std::vector<int64_t> add(std::vector<JobRecord> jobs) {
    std::optional<std::vector<int64_t>> added;
    registry_->add_jobs(std::move(jobs), [&](const std::string&, const std::vector<int64_t>& n) { added = n; });
    EXPECT_TRUE(turn([&] { return added.has_value(); }));
    return added.value_or(std::vector<int64_t>());
  }
  static JobRecord job_for(int64_t device) {
    JobRecord job;
    job.device = device;
    return job;
  }
  static protocol::Info info_with_id(uint8_t byte) {
    protocol::Info info;
    info.device_id.fill(byte);
    return info;
  }
  std::unique_ptr<Database> database_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryTest, LetsTheOldestOpenJobOfEachDeviceRun) {
  start();
  const int64_t a = registry_->device_at("sim:/a");
  const int64_t b = registry_->device_at("sim:/b");
  EXPECT_THAT(add({job_for(a), job_for(a), job_for(b)}), ElementsAre(1, 2, 3));
  EXPECT_THAT(registry_->heads(), ElementsAre(1, 3));
  JobRecord first = *registry_->job(1);
  first.state = JobState::kDone;
  registry_->end_job(first);
  EXPECT_TRUE(registry_->is_ending(1));
  EXPECT_THAT(registry_->heads(), ElementsAre(1, 3));  // not ended before that is durable
  ASSERT_TRUE(turn([&] { return !registry_->is_ending(1); }));
  EXPECT_THAT(registry_->heads(), ElementsAre(2, 3));
}

TEST_F(RegistryTest, AKnownDeviceAtANewAddressKeepsItsKeyAndTakesTheJobs) {
  start();
  const int64_t known = registry_->learn(registry_->device_at("ble:old"), info_with_id(0xAB));
  const int64_t fresh = registry_->device_at("ble:new");
  add({job_for(fresh)});
  EXPECT_EQ(registry_->learn(fresh, info_with_id(0xAB)), known);
  EXPECT_EQ(registry_->device(fresh), nullptr);
  EXPECT_EQ(registry_->device(known)->address, "ble:new");
  EXPECT_EQ(registry_->job(1)->device, known);
  registry_.reset();
  database_.reset();
  start();
  EXPECT_EQ(registry_->devices().size(), 1u);
  EXPECT_EQ(registry_->job(1)->device, known);
}

TEST_F(RegistryTest, FindsDevicesByIdAddressAndNameAndSaysWhenANameIsNobodys) {
  start();
  const int64_t a = registry_->device_at("sim:/a", "left");
  registry_->learn(a, info_with_id(1));
  int64_t key = 0;
  EXPECT_EQ(registry_->find_device("left", &key), Lookup::kFound);
  EXPECT_EQ(registry_->find_device(hex(std::vector<uint8_t>(16, 1)), &key), Lookup::kFound);
  EXPECT_EQ(registry_->find_device("sim:/a", &key), Lookup::kFound);
  EXPECT_EQ(key, a);
  EXPECT_EQ(registry_->find_device("", &key), Lookup::kUnknown);
  registry_->device_at("sim:/b", "left");
  EXPECT_EQ(registry_->find_device("left", &key), Lookup::kAmbiguous);
}

TEST_F(RegistryTest, ForgetsNoDeviceAndNoModelThatAnOpenJobNeeds) {
  start();
  const int64_t a = registry_->device_at("sim:/a");
  JobRecord job = job_for(a);
  job.model = "m";
  add({job});
  EXPECT_FALSE(registry_->forget_device(a));
  EXPECT_FALSE(registry_->remove_model("m"));
}

// ---- AirArbiter

using ArbiterTest = Folder;

TEST_F(ArbiterTest, GivesOneTurnAtATimeInTheOrderAskedOnEachAdapter) {
  AirArbiter arbiter(loop_);
  std::vector<int> granted;
  AirArbiter::Turn first = arbiter.ask("hci0", [&] { granted.push_back(1); });
  AirArbiter::Turn second = arbiter.ask("hci0", [&] { granted.push_back(2); });
  AirArbiter::Turn third = arbiter.ask("hci0", [&] { granted.push_back(3); });
  AirArbiter::Turn other = arbiter.ask("hci1", [&] { granted.push_back(4); });
  EXPECT_TRUE(granted.empty());  // from the loop, never from inside ask()
  ASSERT_TRUE(turn([&] { return granted.size() == 2; }));
  EXPECT_THAT(granted, ::testing::UnorderedElementsAre(1, 4));
  second = {};  // withdrawn
  loop_.run_for(10);
  EXPECT_EQ(granted.size(), 2u);
  first = {};
  ASSERT_TRUE(turn([&] { return granted.size() == 3; }));
  EXPECT_EQ(granted.back(), 3);
}

TEST_F(ArbiterTest, ATurnMayBeGivenBackFromInsideItsGrant) {
  AirArbiter arbiter(loop_);
  AirArbiter::Turn first;
  bool second_granted = false;
  first = arbiter.ask("hci0", [&] { first = {}; });
  const AirArbiter::Turn second = arbiter.ask("hci0", [&] { second_granted = true; });
  EXPECT_TRUE(turn([&] { return second_granted; }));
}

// ---- PairingDesk

class PairingDeskTest : public Folder {
 protected:
  // What the device's pairing asks for, see BluezDouble; the answer to it, if there is one.
  Outcome pair(const std::string& asks, std::optional<std::pair<bool, uint32_t>> answer) {
    std::string error;
    bus_ = dbus::Connection::open(loop_, private_bus_.address(), &error);
    EXPECT_TRUE(bus_) << error;
    bluez_ = std::make_unique<test::BluezDouble>(loop_, private_bus_.address());
    bluez_->add_device(
        {.address = "C0:FF:EE:00:00:01", .name = "left", .pairing_needed = true, .pairing_asks = asks});
    worker_ = std::make_unique<Worker>(loop_);
    links_ = std::make_unique<Links>(*bus_, *worker_);
    desk_ = std::make_unique<PairingDesk>(
        *links_, [this, answer](int64_t device, const std::string& question, uint32_t passkey) {
          asked_.push_back(question + " " + std::to_string(passkey));
          EXPECT_FALSE(desk_->answer(device + 1, true, 0));  // nothing was asked about that one
          if (answer) {
            EXPECT_TRUE(desk_->answer(device, answer->first, answer->second));
          }
        });
    return act(PairingDesk::Act::kPair, "ble:left");
  }
  Outcome act(PairingDesk::Act what, const std::string& address) {
    DeviceRecord device;
    device.key = 5;
    device.address = address;
    std::optional<Outcome> told;
    EXPECT_TRUE(desk_->begin(device, what, [&](const Outcome& outcome) { told = outcome; }));
    EXPECT_FALSE(desk_->begin(device, what, nullptr));  // one at a time
    EXPECT_TRUE(turn([&] { return told.has_value(); }));
    return told.value_or(Outcome());
  }
  test::PrivateBus private_bus_;
  std::unique_ptr<dbus::Connection> bus_;
  std::unique_ptr<test::BluezDouble> bluez_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<PairingDesk> desk_;
  std::vector<std::string> asked_;
};

TEST_F(PairingDeskTest, JustWorksTrustsAndForgets) {
  EXPECT_THAT(pair("", std::nullopt).sentence, HasSubstr("paired with left"));
  EXPECT_TRUE(asked_.empty());
  EXPECT_THAT(act(PairingDesk::Act::kDistrust, "ble:left").sentence, HasSubstr("not trusted"));
  EXPECT_EQ(act(PairingDesk::Act::kUnpair, "ble:left").code, ExitCode::kOk);
  EXPECT_EQ(act(PairingDesk::Act::kPair, "sim:/x").code, ExitCode::kRefused);
}

TEST_F(PairingDeskTest, ASecondPairingBeginsWhenTheFirstHasEnded) {
  EXPECT_EQ(pair("", std::nullopt).code, ExitCode::kOk);
  EXPECT_THAT(act(PairingDesk::Act::kPair, "ble:left").sentence, HasSubstr("paired already"));
}

TEST_F(PairingDeskTest, AsksForAPasskeyAndTakesTheAnswer) {
  EXPECT_EQ(pair("RequestPasskey", std::pair(true, 123456u)).code, ExitCode::kOk);
  EXPECT_THAT(asked_, ElementsAre("enter 0"));
}

TEST_F(PairingDeskTest, RefusesWhenTheNumbersDiffer) {
  EXPECT_NE(pair("RequestConfirmation", std::pair(false, 0u)).code, ExitCode::kOk);
  EXPECT_THAT(asked_, ElementsAre("confirm 123456"));
}

TEST_F(PairingDeskTest, ShowsAPasskeyThatIsToBeTypedOnTheDevice) {
  EXPECT_EQ(pair("DisplayPasskey", std::nullopt).code, ExitCode::kOk);
  EXPECT_THAT(asked_, ElementsAre("show 123456"));
}

// ---- ModelStore

class ModelStoreTest : public Folder {
 protected:
  Outcome add(const std::string& file, ModelRecord* model) {
    std::optional<Outcome> told;
    store_.add(dbus::UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC)),
               [&](const Outcome& outcome, const ModelRecord& added) {
                 told = outcome;
                 *model = added;
               });
    EXPECT_TRUE(turn([&] { return told.has_value(); }));
    return told.value_or(Outcome());
  }
  Outcome load(const std::string& digest, std::shared_ptr<const Package>* package) {
    std::optional<Outcome> told;
    store_.load(digest, DeployOptions(), [&](const Outcome& outcome, std::shared_ptr<const Package> loaded) {
      told = outcome;
      *package = loaded;
    });
    EXPECT_TRUE(turn([&] { return told.has_value(); }));
    return told.value_or(Outcome());
  }
  Worker worker_{loop_};
  ModelStore store_{worker_, path("models")};
};

TEST_F(ModelStoreTest, KeepsAModelByItsContentAndSharesItsPackage) {
  ModelRecord model;
  ASSERT_EQ(add(ROOST_MODELS_FOLDER "/gesture_v1.tflite", &model).code, ExitCode::kOk);
  EXPECT_TRUE(std::filesystem::exists(path("models/" + model.digest)));
  std::shared_ptr<const Package> first, second;
  ASSERT_EQ(load(model.digest, &first).code, ExitCode::kOk);
  EXPECT_EQ(hex(first->model_sha256), model.digest);
  ASSERT_EQ(load(model.digest, &second).code, ExitCode::kOk);
  EXPECT_EQ(first, second);
}

TEST_F(ModelStoreTest, SaysThatAStoredModelIsDamagedOrGone) {
  ModelRecord model;
  ASSERT_EQ(add(ROOST_MODELS_FOLDER "/gesture_v1.tflite", &model).code, ExitCode::kOk);
  std::fstream(path("models/" + model.digest), std::ios::in | std::ios::out) << "x";
  std::shared_ptr<const Package> package;
  EXPECT_THAT(load(model.digest, &package).sentence, HasSubstr("damaged"));
  EXPECT_EQ(load(std::string(64, '0'), &package).code, ExitCode::kFile);
}

TEST_F(ModelStoreTest, TakesNoFileThatIsNone) {
  ModelRecord model;
  EXPECT_EQ(add("/dev/zero", &model).code, ExitCode::kFile);
  EXPECT_EQ(add(folder_, &model).code, ExitCode::kFile);
  std::ofstream(path("no.tflite")) << "no model";
  EXPECT_EQ(add(path("no.tflite"), &model).code, ExitCode::kBadModel);
  EXPECT_TRUE(std::filesystem::is_empty(path("models")));
}

}  // namespace
}  // namespace roost::host::daemon
