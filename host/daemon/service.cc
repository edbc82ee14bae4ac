#include "host/daemon/service.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "host/address.h"
#include "host/daemon/deploy_arguments.h"
#include "host/daemon/names.h"
#include "host/info_text.h"
#include "host/progress.h"

namespace roost::host::daemon {

using dbus::Dict;
using dbus::MethodCall;
using dbus::ObjectPath;
using dbus::Value;

namespace {

// Against a client that files without end; far above what a gateway does.
constexpr size_t kOpenJobsMax = 10000;
constexpr size_t kModelsMax = 1000;
constexpr size_t kDevicesMax = 10000;
constexpr size_t kTextBytesMax = 1024;  // an address, a name
constexpr uint32_t kScanSecondsMax = 60;
constexpr uint32_t kHistoryMax = 1000;

constexpr char kUnknownModel[] = "org.roost1.Error.UnknownModel";
constexpr char kUnknownDevice[] = "org.roost1.Error.UnknownDevice";
constexpr char kAmbiguousDevice[] = "org.roost1.Error.AmbiguousDevice";
constexpr char kInUse[] = "org.roost1.Error.InUse";
constexpr char kLimit[] = "org.roost1.Error.LimitReached";
constexpr char kBusy[] = "org.roost1.Error.Busy";
constexpr char kNotAsked[] = "org.roost1.Error.NotAsked";
constexpr char kNotOpen[] = "org.roost1.Error.NotOpen";
constexpr char kStorage[] = "org.roost1.Error.Storage";

// Jobs that somebody is waiting for at a terminal, such as a confirm.
constexpr uint32_t kRequestRetryForS = 60;

ObjectPath device_path(int64_t key) {
  return ObjectPath(kDevicePaths + std::to_string(key));
}
ObjectPath job_path(int64_t number) {
  return ObjectPath(kJobPaths + std::to_string(number));
}

std::string invalid() {
  return error_name(ExitCode::kUsage);
}

uint64_t unsigned_time(Time time) {
  return time > 0 ? static_cast<uint64_t>(time) : 0;
}

// The state as people see it: an open job is queued, waiting or running.
std::string shown_state(const JobRecord& job, const Activity& activity) {
  if (!job.open()) return state_name(job.state);
  switch (activity.stage) {
    case Activity::Stage::kQueued:
      return "queued";
    case Activity::Stage::kWaiting:
      return "waiting";
    case Activity::Stage::kRunning:
      return "running";
  }
  return "queued";
}

}  // namespace

Service::Service(dbus::Connection& bus, Registry& registry, Dispatcher& dispatcher, Links& links,
                 ModelStore& models)
    : bus_(bus),
      registry_(registry),
      dispatcher_(dispatcher),
      links_(links),
      models_(models),
      server_(bus, kRootPath),
      pairing_(links, [this](int64_t device, const std::string& question, uint32_t passkey) {
        server_.emit(device_path(device).text, kDeviceInterface, "PairingAsked", question, passkey);
      }) {
  server_.add(kRootPath, manager());
  for (const auto& [key, device] : registry_.devices()) server_.add(device_path(key).text, device_object(key));
  for (const auto& [number, job] : registry_.jobs()) {
    server_.add(job_path(number).text, job_object(number));
    if (!job.open()) ended_told_.insert(number);
  }
  RegistryEvents events;
  events.device_changed = [this](const DeviceRecord& device) { show_device(device); };
  events.device_gone = [this](int64_t key) {
    rssi_.erase(key);
    server_.remove(device_path(key).text);
  };
  events.job_changed = [this](const JobRecord& job) {
    show_job(job);
    dispatcher_.poke();
  };
  events.job_gone = [this](int64_t number) {
    ended_told_.erase(number);
    server_.remove(job_path(number).text);
  };
  events.models_changed = [this] { server_.changed(kRootPath, kManagerInterface, {"Models"}); };
  registry_.set_events(std::move(events));
  dispatcher_.on_activity([this](int64_t number) { show_activity(number); });
}

void Service::claim(std::function<void(bool)> done) {
  claiming_ = bus_.request_name(kBusName, std::move(done));
}

// ---- what is there

std::vector<dbus::Interface> Service::manager() {
  dbus::Interface interface { .name = kManagerInterface };
  auto method = [&](const char* name, std::vector<dbus::Argument> in, std::vector<dbus::Argument> out,
                    void (Service::*handler)(MethodCall)) {
    interface.methods.push_back({name, std::move(in), std::move(out),
                                 [this, handler](MethodCall call) { (this->*handler)(std::move(call)); }});
  };
  method("AddModel", {{"file", "h"}, {"name", "s"}}, {{"model", "s"}}, &Service::add_model);
  method("RemoveModel", {{"model", "s"}}, {}, &Service::remove_model);
  method("ListModels", {}, {{"models", "aa{sv}"}}, &Service::list_models);
  method("Deploy", {{"model", "s"}, {"devices", "as"}, {"options", "a{sv}"}}, {{"jobs", "ao"}}, &Service::deploy);
  method("ListJobs", {{"filter", "a{sv}"}}, {{"jobs", "ao"}}, &Service::list_jobs);
  method("History", {{"filter", "a{sv}"}}, {{"jobs", "aa{sv}"}}, &Service::history);
  method("AddDevice", {{"address", "s"}}, {{"device", "o"}}, &Service::add_device);
  method("FindDevice", {{"device", "s"}}, {{"device", "o"}}, &Service::find_device);
  method("Scan", {{"seconds", "u"}}, {{"devices", "ao"}}, &Service::scan);
  interface.properties = {
      {"Version", "s", [] { return Value(std::string(ROOST_VERSION)); }},
      {"Models", "u", [this] { return Value(static_cast<uint32_t>(registry_.models().size())); }},
      {"OpenJobs", "u",
       [this] {
         uint32_t open = 0;
         for (const auto& [number, job] : registry_.jobs()) open += job.open() ? 1 : 0;
         return Value(open);
       }},
      {"RunningJobs", "u", [this] { return Value(static_cast<uint32_t>(dispatcher_.running())); }},
  };
  return {interface};
}

dbus::Method Service::request_method(const std::string& name, int64_t device, JobKind kind) {
  return {name, {}, {{"job", "o"}}, [this, device, kind](MethodCall call) {
            if (!may_file(1, call)) return;
            JobRecord job;
            job.device = device;
            job.kind = kind;
            job.retry_for_s = kRequestRetryForS;
            auto pending = std::make_shared<MethodCall>(std::move(call));
            file_jobs({job}, [pending](const std::string& error, const std::vector<ObjectPath>& paths) {
              error.empty() ? pending->reply(paths[0]) : pending->fail(kStorage, error);
            });
          }};
}

std::vector<dbus::Interface> Service::device_object(int64_t key) {
  auto text = [this, key](std::string DeviceRecord::*field) {
    return [this, key, field] {
      const DeviceRecord* device = registry_.device(key);
      return device ? Value(device->*field) : Value();
    };
  };
  auto pairing = [this, key](PairingDesk::Act act) {
    return [this, key, act](MethodCall call) { pair(key, act, std::move(call)); };
  };
  dbus::Interface interface { .name = kDeviceInterface };
  interface.signals = {{"PairingAsked", {{"question", "s"}, {"passkey", "u"}}}};
  interface.methods = {
      {"ReadInfo", {}, {{"value", "ay"}}, [this, key](MethodCall call) { read_info(key, std::move(call)); }},
      request_method("Activate", key, JobKind::kActivate),
      request_method("Confirm", key, JobKind::kConfirm),
      request_method("RollBack", key, JobKind::kRollback),
      request_method("Abort", key, JobKind::kAbort),
      request_method("EraseModels", key, JobKind::kErase),
      {"Pair", {}, {{"achieved", "s"}}, pairing(PairingDesk::Act::kPair)},
      {"Unpair", {}, {{"achieved", "s"}}, pairing(PairingDesk::Act::kUnpair)},
      {"Trust",
       {{"trusted", "b"}},
       {{"achieved", "s"}},
       [this, key](MethodCall call) {
         bool trusted = false;
         (void)call.message().read(&trusted);
         pair(key, trusted ? PairingDesk::Act::kTrust : PairingDesk::Act::kDistrust, std::move(call));
       }},
      {"AnswerPairing",
       {{"accepted", "b"}, {"passkey", "u"}},
       {},
       [this, key](MethodCall call) { answer_pairing(key, std::move(call)); }},
      {"Forget", {}, {}, [this, key](MethodCall call) { forget_device(key, std::move(call)); }},
  };
  interface.properties = {
      {"Id", "s", text(&DeviceRecord::id)},
      {"Address", "s", text(&DeviceRecord::address)},
      {"Name", "s", text(&DeviceRecord::name)},
      {"Hardware", "s", text(&DeviceRecord::hardware)},
      {"Running", "s", text(&DeviceRecord::running)},
      {"RunningDigest", "s", text(&DeviceRecord::running_digest)},
      {"RunningState", "s", text(&DeviceRecord::running_state)},
      {"SeenAt", "t",
       [this, key] {
         const DeviceRecord* device = registry_.device(key);
         return device ? Value(unsigned_time(device->seen_at)) : Value();
       }},
      {"RSSI", "n",
       [this, key] {
         const auto heard = rssi_.find(key);
         return heard == rssi_.end() ? Value() : Value(static_cast<int16_t>(heard->second));
       }},
  };
  return {interface};
}

Dict Service::describe_job(const JobRecord& job) const {
  const Activity activity = dispatcher_.activity(job.number);
  const bool running = activity.stage == Activity::Stage::kRunning;
  const DeviceRecord* device = registry_.device(job.device);
  Dict dict = {
      {"Number", static_cast<uint64_t>(job.number)},
      {"Device", device_path(job.device)},
      {"DeviceId", device ? device->id : std::string()},
      {"DeviceName", device ? (device->name.empty() ? device->address : device->name) : std::string()},
      {"Kind", std::string(kind_name(job.kind))},
      {"Model", job.model},
      {"ModelName", job.options.package.name},
      {"State", shown_state(job, activity)},
      {"Phase", std::string(running ? phase_name(activity.progress.phase) : "")},
      {"BytesDone", running ? activity.progress.bytes_done : uint64_t{0}},
      {"BytesTotal", running ? activity.progress.bytes_total : uint64_t{0}},
      {"BytesResumed", running ? activity.progress.bytes_resumed : uint64_t{0}},
      {"BytesPerSecond", running ? activity.bytes_per_second : uint64_t{0}},
      {"Attempts", job.attempts},
      {"NextAttemptAt", unsigned_time(activity.next_attempt_at)},
      {"CreatedAt", unsigned_time(job.created_at)},
      {"EndedAt", unsigned_time(job.ended_at)},
      {"ExitCode", static_cast<int32_t>(job.outcome.code)},
      {"Result", std::string(exit_code_name(job.outcome.code))},
      {"Stage", job.outcome.stage},
      {"Message", job.outcome.sentence},
      {"Report", job.report},
  };
  return dict;
}

std::vector<dbus::Interface> Service::job_object(int64_t number) {
  dbus::Interface interface { .name = kJobInterface };
  interface.methods = {{"Cancel", {}, {}, [this, number](MethodCall call) { cancel(number, std::move(call)); }}};
  for (const auto& [name, value] : describe_job(JobRecord())) {
    interface.properties.push_back({name, dbus::signature_of(value), [this, number, name = name] {
                                      const JobRecord* job = registry_.job(number);
                                      return job ? describe_job(*job).at(name) : Value();
                                    }});
  }
  interface.signals = {
      {"Progress", {{"phase", "s"}, {"bytes_done", "t"}, {"bytes_total", "t"}, {"bytes_per_second", "t"}}},
      {"Ended", {{"exit_code", "i"}, {"result", "s"}, {"stage", "s"}, {"message", "s"}}}};
  return {interface};
}

void Service::show_device(const DeviceRecord& device) {
  const std::string path = device_path(device.key).text;
  if (!server_.has(path)) {
    server_.add(path, device_object(device.key));
    return;
  }
  server_.changed(path, kDeviceInterface,
                  {"Id", "Address", "Name", "Hardware", "Running", "RunningDigest", "RunningState", "SeenAt"});
}

void Service::show_job(const JobRecord& job) {
  const std::string path = job_path(job.number).text;
  if (!server_.has(path)) {
    server_.add(path, job_object(job.number));
  } else {
    server_.changed(path, kJobInterface,
                    {"State", "Phase", "Attempts", "NextAttemptAt", "EndedAt", "ExitCode", "Result", "Stage",
                     "Message", "Report", "Device", "DeviceId", "DeviceName"});
  }
  server_.changed(kRootPath, kManagerInterface, {"OpenJobs", "RunningJobs"});
  if (!job.open()) answer_cancels(job);
  if (!job.open() && ended_told_.insert(job.number).second) {
    server_.emit(path, kJobInterface, "Ended", static_cast<int32_t>(job.outcome.code),
                 std::string(exit_code_name(job.outcome.code)), job.outcome.stage, job.outcome.sentence);
  }
}

void Service::show_activity(int64_t number) {
  const std::string path = job_path(number).text;
  const Activity activity = dispatcher_.activity(number);
  server_.changed(path, kJobInterface,
                  {"State", "Phase", "BytesDone", "BytesTotal", "BytesResumed", "BytesPerSecond"});
  server_.emit(path, kJobInterface, "Progress", std::string(phase_name(activity.progress.phase)),
               activity.progress.bytes_done, activity.progress.bytes_total, activity.bytes_per_second);
}

// ---- models

void Service::add_model(MethodCall call) {
  dbus::UniqueFd file;
  std::string name;
  if (!call.message().read(&file, &name) || name.size() > kTextBytesMax) {
    return call.fail(invalid(), "AddModel takes an open file and a name");
  }
  if (registry_.models().size() >= kModelsMax) {
    return call.fail(kLimit, fmt::format("there are {} models already: remove some", kModelsMax));
  }
  auto pending = std::make_shared<MethodCall>(std::move(call));
  models_.add(std::move(file), [this, pending, name](const Outcome& outcome, const ModelRecord& added) {
    if (outcome.code != ExitCode::kOk) return pending->fail(error_name(outcome.code), outcome.sentence);
    ModelRecord model = added;
    model.name = name;
    model.added_at = Registry::now();
    registry_.add_model(model, [pending, digest = model.digest](const std::string& error) {
      error.empty() ? pending->reply(digest) : pending->fail(kStorage, error);
    });
  });
}

void Service::remove_model(MethodCall call) {
  std::string digest;
  (void)call.message().read(&digest);
  if (!registry_.models().count(digest)) return call.fail(kUnknownModel, "no such model: " + digest);
  if (!registry_.remove_model(digest)) return call.fail(kInUse, "open jobs need it: cancel them first");
  auto pending = std::make_shared<MethodCall>(std::move(call));
  models_.remove(digest, [pending] { pending->reply(); });
}

void Service::list_models(MethodCall call) {
  std::vector<Dict> models;
  for (const auto& [digest, model] : registry_.models()) {
    models.push_back({{"Model", digest},
                      {"Name", model.name},
                      {"Size", model.size_bytes},
                      {"AddedAt", unsigned_time(model.added_at)}});
  }
  call.reply(models);
}

// ---- devices

int64_t Service::resolve(const std::string& text, std::string* name, std::string* error, bool known) {
  *name = kUnknownDevice;
  *error = fmt::format(
      "no device is known as \"{}\": give its id, name, object path or address (sim:PATH, ble:NAME)", text);
  if (text.size() > kTextBytesMax) return 0;
  for (const auto& [key, device] : registry_.devices()) {
    if (device_path(key).text == text) return key;
  }
  int64_t key = 0;
  switch (registry_.find_device(text, &key)) {
    case Lookup::kFound:
      return key;
    case Lookup::kAmbiguous:
      *name = kAmbiguousDevice;
      *error = fmt::format("several devices are called \"{}\": give the id or the object path", text);
      return 0;
    case Lookup::kUnknown:
      break;
  }
  if (known || Address::parse(text).kind == Address::Kind::kInvalid) return 0;
  if (registry_.devices().size() >= kDevicesMax) {
    *name = kLimit;
    *error = fmt::format("{} devices are known already: forget some", kDevicesMax);
    return 0;
  }
  return registry_.device_at(text);
}

void Service::add_device(MethodCall call) {
  std::string address, name, error;
  (void)call.message().read(&address);
  if (Address::parse(address).kind == Address::Kind::kInvalid) {
    return call.fail(invalid(), fmt::format("\"{}\" is no address; sim:PATH or ble:NAME is", address));
  }
  const int64_t key = resolve(address, &name, &error);
  key == 0 ? call.fail(name, error) : call.reply(device_path(key));
}

void Service::find_device(MethodCall call) {
  std::string text, name, error;
  (void)call.message().read(&text);
  int64_t key = 0;
  if (registry_.find_device(text, &key) == Lookup::kFound) return call.reply(device_path(key));
  call.fail(kUnknownDevice, fmt::format("no device is known as \"{}\"", text));
}

void Service::forget_device(int64_t device, MethodCall call) {
  if (!registry_.forget_device(device)) return call.fail(kInUse, "it has open jobs: cancel them first");
  call.reply();
}

void Service::read_info(int64_t device, MethodCall call) {
  auto pending = std::make_shared<MethodCall>(std::move(call));
  dispatcher_.read_info(device, [pending](const Outcome& outcome, const std::vector<uint8_t>& value) {
    outcome.code == ExitCode::kOk ? pending->reply(dbus::ByteString(value))
                                  : pending->fail(error_name(outcome.code), outcome.sentence);
  });
}

void Service::pair(int64_t device, PairingDesk::Act act, MethodCall call) {
  const DeviceRecord* record = registry_.device(device);
  if (!record) return call.fail(kUnknownDevice, "the device was forgotten");
  auto pending = std::make_shared<MethodCall>(std::move(call));
  const bool begun = pairing_.begin(*record, act, [pending](const Outcome& outcome) {
    outcome.code == ExitCode::kOk ? pending->reply(outcome.sentence)
                                  : pending->fail(error_name(outcome.code), outcome.sentence);
  });
  if (!begun) pending->fail(kBusy, "another device is being paired: try again when that has ended");
}

void Service::answer_pairing(int64_t device, MethodCall call) {
  bool accepted = false;
  uint32_t passkey = 0;
  (void)call.message().read(&accepted, &passkey);
  if (accepted && passkey > 999999) return call.fail(invalid(), "a passkey has at most six digits");
  if (!pairing_.answer(device, accepted, passkey))
    return call.fail(kNotAsked, "nothing was asked about this device");
  call.reply();
}

void Service::scan(MethodCall call) {
  uint32_t seconds = 0;
  (void)call.message().read(&seconds);
  if (seconds == 0 || seconds > kScanSecondsMax) {
    return call.fail(invalid(), fmt::format("a scan takes 1 to {} seconds", kScanSecondsMax));
  }
  auto pending = std::make_shared<MethodCall>(std::move(call));
  links_.scan(seconds * 1000, [this, pending](const Outcome& outcome, const std::vector<Sighting>& found) {
    std::vector<ObjectPath> paths;
    for (const Sighting& sighting : found) {
      if (registry_.devices().size() >= kDevicesMax) break;
      const int64_t key = registry_.device_at(sighting.address, sighting.name);
      if (sighting.rssi) {
        rssi_[key] = *sighting.rssi;
        server_.changed(device_path(key).text, kDeviceInterface, {"RSSI"});
      }
      paths.push_back(device_path(key));
    }
    if (paths.empty() && outcome.code != ExitCode::kOk) {
      return pending->fail(error_name(outcome.code), outcome.sentence);
    }
    pending->reply(paths);
  });
}

// ---- jobs

bool Service::may_file(size_t more, MethodCall& call) const {
  size_t open = 0;
  for (const auto& [number, job] : registry_.jobs()) open += job.open() ? 1 : 0;
  if (open + more <= kOpenJobsMax) return true;
  call.fail(kLimit, fmt::format("{} jobs are open; at most {} may be", open, kOpenJobsMax));
  return false;
}

void Service::file_jobs(std::vector<JobRecord> jobs,
                        std::function<void(const std::string&, const std::vector<ObjectPath>&)> done) {
  registry_.add_jobs(std::move(jobs), [done](const std::string& error, const std::vector<int64_t>& numbers) {
    std::vector<ObjectPath> paths;
    for (int64_t number : numbers) paths.push_back(job_path(number));
    done(error, paths);
  });
}

void Service::deploy(MethodCall call) {
  std::string digest, name, error;
  std::vector<std::string> devices;
  Dict given;
  (void)call.message().read(&digest, &devices, &given);
  const auto model = registry_.models().find(digest);
  if (model == registry_.models().end()) {
    return call.fail(kUnknownModel, fmt::format("no model \"{}\": AddModel gives the name to use", digest));
  }
  DeployArguments arguments;
  if (!parse_deploy(given, &arguments, &error)) return call.fail(invalid(), error);
  if (devices.empty()) return call.fail(invalid(), "no device is named");
  if (!may_file(devices.size(), call)) return;
  if (arguments.options.package.name.empty()) arguments.options.package.name = model->second.name;

  std::vector<JobRecord> jobs;
  for (const std::string& text : devices) {
    JobRecord job;
    job.device = resolve(text, &name, &error);
    if (job.device == 0) return call.fail(name, error);
    job.model = digest;
    job.options = arguments.options;
    job.retry_for_s = arguments.retry_for_s;
    jobs.push_back(std::move(job));
  }
  auto pending = std::make_shared<MethodCall>(std::move(call));
  // An option that makes no package is better told now than by every job.
  models_.load(digest, arguments.options,
               [this, pending, jobs](const Outcome& outcome, std::shared_ptr<const Package>) mutable {
                 if (outcome.code != ExitCode::kOk)
                   return pending->fail(error_name(outcome.code), outcome.sentence);
                 file_jobs(std::move(jobs),
                           [pending](const std::string& failed, const std::vector<ObjectPath>& paths) {
                             failed.empty() ? pending->reply(paths) : pending->fail(kStorage, failed);
                           });
               });
}

// The options "state" (s: open, ended, or one of Job.State) and "device" (s).
void Service::list_jobs(MethodCall call) {
  Dict filter;
  (void)call.message().read(&filter);
  std::string state, name, error;
  int64_t device = 0;
  for (const auto& [key, value] : filter) {
    const auto* text = std::get_if<std::string>(&value);
    if (!text || (key != "state" && key != "device")) {
      return call.fail(invalid(), "the filter has \"state\" and \"device\", both of type s");
    }
    if (key == "state") {
      static const std::set<std::string> kStates = {"open",    "ended", "queued", "waiting",
                                                    "running", "done",  "failed", "cancelled"};
      if (!kStates.count(*text)) return call.fail(invalid(), fmt::format("no job has the state \"{}\"", *text));
      state = *text;
    } else {
      device = resolve(*text, &name, &error, true);
      if (device == 0) return call.fail(name, error);
    }
  }
  std::vector<ObjectPath> paths;
  for (const auto& [number, job] : registry_.jobs()) {
    if (device != 0 && job.device != device) continue;
    const bool fits = state.empty() || (state == "open" && job.open()) || (state == "ended" && !job.open()) ||
                      state == shown_state(job, dispatcher_.activity(number));
    if (fits) paths.push_back(job_path(number));
  }
  call.reply(paths);
}

// The options "device" (s), "before" (t, a job's number) and "count" (u).
void Service::history(MethodCall call) {
  Dict filter;
  (void)call.message().read(&filter);
  int64_t device = 0;
  uint64_t before = 0;
  uint32_t count = 100;
  std::string name, error;
  for (const auto& [key, value] : filter) {
    const auto* text = std::get_if<std::string>(&value);
    const auto* number = std::get_if<uint64_t>(&value);
    const auto* small = std::get_if<uint32_t>(&value);
    if (key == "device" && text) {
      device = resolve(*text, &name, &error, true);
      if (device == 0) return call.fail(name, error);
    } else if (key == "before" && number) {
      before = std::min<uint64_t>(*number, INT64_MAX);
    } else if (key == "count" && small) {
      count = std::min(*small, kHistoryMax);
    } else {
      return call.fail(invalid(), "the filter has \"device\" (s), \"before\" (t) and \"count\" (u)");
    }
  }
  auto pending = std::make_shared<MethodCall>(std::move(call));
  registry_.list_ended(device, static_cast<int64_t>(before), count,
                       [this, pending](const std::string& failed, const std::vector<JobRecord>& jobs) {
                         if (!failed.empty()) return pending->fail(kStorage, failed);
                         std::vector<Dict> described;
                         for (const JobRecord& job : jobs) described.push_back(describe_job(job));
                         pending->reply(described);
                       });
}

// Answered when the end is recorded, so that whoever asked finds the job ended.
void Service::cancel(int64_t number, MethodCall call) {
  if (!dispatcher_.cancel(number)) return call.fail(kNotOpen, fmt::format("job {} has ended", number));
  cancels_.emplace(number, std::move(call));
}

void Service::answer_cancels(const JobRecord& job) {
  const auto [first, last] = cancels_.equal_range(job.number);
  for (auto asked = first; asked != last; ++asked) {
    if (job.state == JobState::kCancelled) {
      asked->second.reply();
    } else {
      asked->second.fail(kNotOpen, fmt::format("job {} ended before it could be cancelled", job.number));
    }
  }
  cancels_.erase(first, last);
}

}  // namespace roost::host::daemon
