// roost push MODEL --to DEVICE, and roost deploy MODEL --to DEVICE --to ...: the same, left to roostd.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "host/cli/context.h"
#include "host/cli/daemon_client.h"
#include "host/cli/run_session.h"
#include "host/cli/watch_jobs.h"
#include "host/file.h"
#include "host/package.h"
#include "host/report.h"

namespace roost::host {
namespace {

struct PushOptions {
  std::string model_path, to, self_test_path;
  std::vector<std::string> devices;  // deploy
  bool wait = false;                 // deploy
  uint32_t retry_for_s = 0;          // deploy; 0: as long as the daemon does by itself
  PackageOptions package;
  std::vector<std::string> labels, settings;
  bool activate = true;
  bool confirm = false;
  bool json = false;
  SessionOptions session;
  double reconnect_s = 30;
  AirParameters air;  // as far as the user knows it
};

// Labels: "a,b,c", or the name of a file with one a line. Settings: KEY=VALUE.
Outcome gather(PushOptions& options) {
  for (const std::string& label : options.labels) {
    std::vector<uint8_t> text;
    std::string error;
    std::error_code ignored;
    char separator = ',';
    std::string list = label;
    if (std::filesystem::is_regular_file(label, ignored)) {
      if (!read_file(label, 1024 * 1024, &text, &error)) return {ExitCode::kFile, "check", error};
      list.assign(text.begin(), text.end());
      separator = '\n';
    }
    for (size_t start = 0; start <= list.size();) {
      const size_t end = std::min(list.find(separator, start), list.size());
      std::string one = list.substr(start, end - start);
      while (!one.empty() && (one.back() == '\r' || one.back() == ' ')) one.pop_back();
      if (!one.empty()) options.package.body.labels.push_back(one);
      start = end + 1;
    }
  }
  for (const std::string& setting : options.settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      return {ExitCode::kUsage, "check", fmt::format("--set {}: KEY=VALUE is expected", setting)};
    }
    options.package.body.key_values.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return {};
}

void print_delivered(const nlohmann::json& report, const PushOptions& options) {
  const char* state = options.confirm    ? "is confirmed"
                      : options.activate ? "is active, on trial"
                                         : "is stored and verified";
  fmt::print("{} {} {}\n{}", report.at("name").get<std::string>(), report.at("version").get<std::string>(), state,
             report_text(report));
}

// Reads and checks everything the user named: nothing is sent that could be refused here.
Outcome prepare(PushOptions& options, Package* package) {
  std::vector<uint8_t> model;
  std::string error;
  if (!read_file(options.model_path, kModelFileBytesMax, &model, &error)) return {ExitCode::kFile, "check", error};
  Outcome outcome = gather(options);
  if (outcome.code != ExitCode::kOk) return outcome;
  if (options.confirm && !options.activate) {
    return {ExitCode::kUsage, "check", "--confirm needs the model to be active: leave --no-activate out"};
  }
  if (!options.self_test_path.empty()) {
    outcome = read_vectors(options.self_test_path, model, &options.package.body.vectors);
    if (outcome.code != ExitCode::kOk) return outcome;
  }
  for (const auto& [what, text, bytes_max] :
       {std::tuple("--name", options.package.name, protocol::kNameBytesMax),
        std::tuple("--model-version", options.package.version, protocol::kVersionBytesMax)}) {
    const bool control =
        std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
    if (text.size() > bytes_max || control) {
      return {ExitCode::kUsage, "check",
              fmt::format("{}: at most {} bytes, none of them control characters", what, bytes_max)};
    }
  }
  if (options.package.name.empty()) options.package.name = std::filesystem::path(options.model_path).stem();
  outcome = build_package(model, options.package, package);
  if (outcome.code != ExitCode::kOk) outcome.sentence = options.model_path + ": " + outcome.sentence;
  return outcome;
}

// ---- alone

Outcome push_alone(PushOptions& options, const Package& package, Context& context) {
  SessionPlan plan;
  plan.package = &package;
  if (options.activate) plan.requests.push_back(protocol::MessageType::kActivate);
  if (options.confirm) plan.requests.push_back(protocol::MessageType::kConfirm);
  options.session.reconnect_within_ms = static_cast<uint32_t>(options.reconnect_s * 1000);
  const SessionResult result = run_session(options.to, plan, options.session, options.json, context);
  const bool delivered = result.report.already_there || result.report.payload_bytes > 0;
  if (result.info) options.air.encrypted = result.info->policy & protocol::kPolicyEncrypted;
  const auto radio = result.calls.empty() ? std::nullopt : std::optional(options.air);
  const nlohmann::ordered_json report = report_json(package, result.report, result.calls, radio);
  if (options.json && delivered) {
    print_json(report);
  } else if (!options.json && result.outcome.code == ExitCode::kOk) {
    print_delivered(report, options);
  }
  return result.outcome;
}

// ---- through the daemon

dbus::Dict deploy_options(const PushOptions& options, const std::string& self_test) {
  const PackageOptions& package = options.package;
  dbus::Dict settings;
  for (const auto& [key, value] : package.body.key_values) settings[key] = value;
  dbus::Dict dict = {{"activate", options.activate},   {"confirm", options.confirm},
                     {"force", options.session.force}, {"name", package.name},
                     {"version", package.version},     {"hardware", package.hardware},
                     {"labels", package.body.labels},  {"settings", settings},
                     {"self-test", self_test},         {"confirm-after", package.confirm_after},
                     {"warm-up", package.warm_up},     {"attempts", package.attempts},
                     {"counter", package.counter}};
  if (options.retry_for_s != 0) dict["retry-for"] = options.retry_for_s;
  return dict;
}

// Files the jobs; their object paths go to `jobs`.
Outcome file_jobs(DaemonClient& client, const PushOptions& options, const std::vector<std::string>& devices,
                  std::vector<std::string>* jobs) {
  std::vector<uint8_t> self_test;
  std::string error;
  if (!options.self_test_path.empty() &&
      !read_file(options.self_test_path, kModelFileBytesMax, &self_test, &error)) {
    return {ExitCode::kFile, "check", error};
  }
  const dbus::UniqueFd file(::open(options.model_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {ExitCode::kFile, "check", options.model_path + ": cannot be opened"};
  dbus::Message reply =
      client.call(daemon::kRootPath, daemon::kManagerInterface, "AddModel", file, options.package.name);
  std::string digest;
  if (reply.is_error() || !reply.read(&digest)) return DaemonClient::failure(reply);
  std::vector<std::string> targets;
  for (const std::string& device : devices) targets.push_back(DaemonClient::absolute(device));
  reply = client.call(daemon::kRootPath, daemon::kManagerInterface, "Deploy", digest, targets,
                      deploy_options(options, std::string(self_test.begin(), self_test.end())));
  std::vector<dbus::ObjectPath> paths;
  if (reply.is_error() || !reply.read(&paths)) return DaemonClient::failure(reply);
  for (const dbus::ObjectPath& path : paths) jobs->push_back(path.text);
  return {};
}

std::string number_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Outcome push_through(DaemonClient& client, PushOptions& options, const Context& context) {
  options.retry_for_s = static_cast<uint32_t>(std::max(options.reconnect_s, 1.0));
  std::vector<std::string> jobs;
  const Outcome filed = file_jobs(client, options, {options.to}, &jobs);
  if (filed.code != ExitCode::kOk) return filed;
  if (!options.json && !context.quiet) fmt::print(stderr, "job {} of roostd\n", number_of(jobs[0]));
  ProgressView view(options.json ? ProgressView::Mode::kJson : ProgressView::mode_for_stderr());
  std::string said;
  const auto seen = [&](const std::string&, const dbus::Dict& job) {
    const std::string message = dbus::get<std::string>(job, "Message");
    if (dbus::get<std::string>(job, "State") == "running" && (options.json || !context.quiet)) {
      view.show(progress_of(job), Loop::now_ms());
    } else if (dbus::get<std::string>(job, "State") == "waiting" && message != said) {
      view.finish();
      fmt::print(stderr, "{}; roostd tries again\n", message);
      said = message;
    }
  };
  bool interrupted = false;
  const auto ended = client.watch(jobs, seen, &interrupted);
  view.finish();
  if (ended.empty()) {
    return {ExitCode::kInterrupted, "daemon",
            fmt::format("roostd goes on with job {0}: `roost watch {0}` shows it, `roost cancel {0}` ends it",
                        number_of(jobs[0]))};
  }
  const auto report = nlohmann::ordered_json::parse(ended[0].report, nullptr, false);
  if (report.is_object() && options.json) {
    print_json(report);
  } else if (report.is_object() && ended[0].outcome.code == ExitCode::kOk) {
    print_delivered(report, options);
  }
  return ended[0].outcome;
}

Outcome push(PushOptions& options, Context& context) {
  Package package;
  Outcome outcome = prepare(options, &package);
  if (outcome.code != ExitCode::kOk) return outcome;
  const auto client = daemon_for(options.to, context, &outcome);
  if (client) return push_through(*client, options, context);
  return outcome.code == ExitCode::kOk ? push_alone(options, package, context) : outcome;
}

Outcome deploy(PushOptions& options) {
  Package package;
  const Outcome outcome = prepare(options, &package);
  if (outcome.code != ExitCode::kOk) return outcome;
  const auto client = DaemonClient::find();
  if (!client) {
    return {ExitCode::kLinkLost, "daemon",
            "no roostd runs on this bus: start it (systemctl start roostd), or push to one device after the other"};
  }
  std::vector<std::string> jobs;
  const Outcome filed = file_jobs(*client, options, options.devices, &jobs);
  if (filed.code != ExitCode::kOk) return filed;
  for (const std::string& path : jobs) {
    if (!options.json) {
      fmt::print("job {} filed\n", number_of(path));
    } else {
      print_json({{"event", "filed"}, {"job", std::stoll(number_of(path))}});
    }
  }
  return options.wait ? watch_jobs(*client, jobs, options.json) : Outcome();
}

}  // namespace

namespace {

// What push and deploy have in common.
void add_package_options(CLI::App* command, PushOptions& options) {
  command->add_option("MODEL", options.model_path, "The .tflite file")->required();
  command->add_flag("--activate,!--no-activate", options.activate,
                    "Swap it in when it is verified (the default); without, at `roost activate` or the next start");
  command->add_flag("--confirm", options.confirm, "Confirm it as soon as it runs, without waiting for a trial");
  command->add_option("--self-test", options.self_test_path,
                      "JSON with inputs and expected outputs that the device must reproduce before it activates");
  command->add_option("--label", options.labels,
                      "Names of the classes: a,b,c or a file with one a line; repeatable");
  command->add_option("--set", options.settings, "KEY=VALUE kept beside the model; repeatable");
  command->add_option("--name", options.package.name, "The model's name (default: the file's)");
  command->add_option("--model-version", options.package.version, "Its version (default: from its digest)");
  command->add_option("--hardware", options.package.hardware, "Only for devices of this hardware name");
  command->add_option("--confirm-after", options.package.confirm_after,
                      "Confirmed by the device after so many healthy inferences (0: by host or application only)");
  command->add_option("--warm-up", options.package.warm_up, "Inferences that do not count yet");
  command->add_option("--attempts", options.package.attempts, "How often it may be tried before it is given up")
      ->check(CLI::Range(1, 16));
  command->add_option("--counter", options.package.counter, "Monotonic counter against going back to old packages");
  command->add_flag("--force", options.session.force, "Although the device rejected this very package before");
  command->add_flag("--json", options.json, "Progress and result as JSON lines on stdout");
}

}  // namespace

void add_push(CLI::App& app, Context& context) {
  auto options = std::make_shared<PushOptions>();
  CLI::App* command = app.add_subcommand("push", "Check a model, deliver it, and activate it");
  add_package_options(command, *options);
  command->add_option("--to", options->to, kToHelp);
  command->add_option("--reconnect", options->reconnect_s, "Seconds to try again after the link is lost")
      ->capture_default_str();
  command
      ->add_option("--interval", options->air.interval_ms,
                   "The connection interval in ms, where you know it, for the report's eta")
      ->check(CLI::Range(7.5, 4000.0));
  command->add_option("--phy", options->air.phy_mbit, "The PHY in Mbit/s, 1 or 2 (default 1), likewise")
      ->check(CLI::IsMember({1, 2}));
  command->callback([options, &context] {
    context.outcome = push(*options, context);
    if (options->json) print_json(result_json(context.outcome));
  });

  auto left = std::make_shared<PushOptions>();
  command =
      app.add_subcommand("deploy", "Leave a delivery to roostd: to many devices, and whenever they are there");
  add_package_options(command, *left);
  command->add_option("--to", left->devices, "A device: as for push, or a name or id that roostd knows; repeatable")
      ->required();
  command->add_option("--retry-for", left->retry_for_s, "Seconds without progress until it fails (default: a day)")
      ->check(CLI::Range(1, 365 * 24 * 3600));
  command->add_flag("--wait", left->wait, "Until every device has it or has failed");
  command->callback([left, &context] {
    context.outcome = deploy(*left);
    if (left->json) print_json(result_json(context.outcome));
  });
}

}  // namespace roost::host
