// roost devices | jobs | history | watch | cancel: what a running roostd knows and does.
#include <fmt/format.h>

#include <ctime>

#include "host/cli/context.h"
#include "host/cli/daemon_client.h"
#include "host/cli/watch_jobs.h"

namespace roost::host {
namespace {

using dbus::get;

struct JobsOptions {
  bool json = false;
  bool all = false;
  std::string device;
  uint32_t count = 20;
  std::vector<uint64_t> numbers;
};

std::unique_ptr<DaemonClient> require_daemon(Context& context) {
  auto client = DaemonClient::find();
  if (!client) {
    context.outcome = {ExitCode::kLinkLost, "daemon",
                       "no roostd runs on this bus: start it (systemctl start roostd)"};
  }
  return client;
}

std::string when(uint64_t time) {
  if (time == 0) return "never";
  const std::time_t seconds = static_cast<std::time_t>(time);
  std::tm local;
  localtime_r(&seconds, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
  return text;
}

void devices(const JobsOptions& options, Context& context) {
  const auto client = require_daemon(context);
  if (!client) return;
  const dbus::Message reply =
      client->call(daemon::kRootPath, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
  dbus::Objects objects;
  if (reply.is_error() || !reply.read(&objects)) {
    context.outcome = DaemonClient::failure(reply);
    return;
  }
  for (const auto& [path, interfaces] : objects) {
    const auto found = interfaces.find(daemon::kDeviceInterface);
    if (found == interfaces.end()) continue;
    const dbus::Dict& device = found->second;
    const auto text = [&](const char* name) { return get<std::string>(device, name); };
    if (options.json) {
      print_json({{"path", path.text},
                  {"id", text("Id")},
                  {"name", text("Name")},
                  {"address", text("Address")},
                  {"hardware", text("Hardware")},
                  {"running", text("Running")},
                  {"running_sha256", text("RunningDigest")},
                  {"running_state", text("RunningState")},
                  {"seen_at", get<uint64_t>(device, "SeenAt")}});
      continue;
    }
    const std::string runs =
        text("Running").empty() ? "not met yet" : fmt::format("runs {}, {}", text("Running"), text("RunningState"));
    fmt::print("{:<16}  {:<32}  {:<32}  {} (seen {})\n", text("Name"), text("Id"), text("Address"), runs,
               when(get<uint64_t>(device, "SeenAt")));
  }
}

void jobs(const JobsOptions& options, Context& context) {
  const auto client = require_daemon(context);
  if (!client) return;
  dbus::Dict filter;
  if (!options.all) filter["state"] = std::string("open");
  if (!options.device.empty()) filter["device"] = DaemonClient::absolute(options.device);
  const dbus::Message reply = client->call(daemon::kRootPath, daemon::kManagerInterface, "ListJobs", filter);
  std::vector<dbus::ObjectPath> paths;
  if (reply.is_error() || !reply.read(&paths)) {
    context.outcome = DaemonClient::failure(reply);
    return;
  }
  for (const dbus::ObjectPath& path : paths) {
    const dbus::Dict job = client->properties(path.text, daemon::kJobInterface);
    if (job.empty()) continue;  // it went since
    options.json ? print_json(job_json(job)) : fmt::print("{}\n", job_line(job));
  }
}

void history(const JobsOptions& options, Context& context) {
  const auto client = require_daemon(context);
  if (!client) return;
  dbus::Dict filter = {{"count", options.count}};
  if (!options.device.empty()) filter["device"] = DaemonClient::absolute(options.device);
  const dbus::Message reply = client->call(daemon::kRootPath, daemon::kManagerInterface, "History", filter);
  std::vector<dbus::Dict> ended;
  if (reply.is_error() || !reply.read(&ended)) {
    context.outcome = DaemonClient::failure(reply);
    return;
  }
  for (const dbus::Dict& job : ended) {
    if (options.json) {
      print_json(job_json(job));
    } else {
      fmt::print("{}  {}\n", when(get<uint64_t>(job, "EndedAt")), job_line(job));
    }
  }
}

void watch(const JobsOptions& options, Context& context) {
  const auto client = require_daemon(context);
  if (!client) return;
  std::vector<std::string> paths;
  for (uint64_t number : options.numbers) paths.push_back(daemon::kJobPaths + std::to_string(number));
  if (paths.empty()) {
    const dbus::Message reply = client->call(daemon::kRootPath, daemon::kManagerInterface, "ListJobs",
                                             dbus::Dict{{"state", std::string("open")}});
    std::vector<dbus::ObjectPath> open;
    if (reply.is_error() || !reply.read(&open)) {
      context.outcome = DaemonClient::failure(reply);
      return;
    }
    for (const dbus::ObjectPath& path : open) paths.push_back(path.text);
  }
  for (const std::string& path : paths) {
    if (!client->properties(path, daemon::kJobInterface).empty()) continue;
    context.outcome = {ExitCode::kUsage, "daemon",
                       path + ": roostd has no such job; `roost history` shows older ones"};
    return;
  }
  context.outcome = watch_jobs(*client, paths, options.json);
}

void cancel(const JobsOptions& options, Context& context) {
  const auto client = require_daemon(context);
  if (!client) return;
  for (uint64_t number : options.numbers) {
    const dbus::Message reply =
        client->call(daemon::kJobPaths + std::to_string(number), daemon::kJobInterface, "Cancel");
    if (reply.is_error()) context.outcome = DaemonClient::failure(reply);
  }
}

}  // namespace

void add_jobs(CLI::App& app, Context& context) {
  auto options = std::make_shared<JobsOptions>();
  const auto add = [&](const char* name, const char* help, void (*run)(const JobsOptions&, Context&)) {
    CLI::App* command = app.add_subcommand(name, help);
    command->callback([options, run, &context] { run(*options, context); });
    return command;
  };
  CLI::App* command = add("devices", "The devices that roostd knows", devices);
  command->add_flag("--json", options->json, "One JSON line a device");

  command = add("jobs", "The jobs that roostd has open", jobs);
  command->add_flag("--all", options->all, "Also those that ended lately");
  command->add_option("--device", options->device, "Only of this device");
  command->add_flag("--json", options->json, "One JSON line a job");

  command = add("history", "The jobs that ended, the newest first", history);
  command->add_option("--device", options->device, "Only of this device");
  command->add_option("--count", options->count, "So many")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_flag("--json", options->json, "One JSON line a job");

  command = add("watch", "Follow jobs until they end; those that are open, if none is named", watch);
  command->add_option("JOB", options->numbers, "Their numbers");
  command->add_flag("--json", options->json, "One JSON line a change");

  command = add("cancel", "End jobs; what is durable on the devices is kept", cancel);
  command->add_option("JOB", options->numbers, "Their numbers")->required();
}

}  // namespace roost::host
