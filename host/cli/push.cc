// roost push MODEL --to DEVICE
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "host/cli/context.h"
#include "host/cli/run_session.h"
#include "host/file.h"
#include "host/package.h"
#include "host/report.h"

namespace roost::host {
namespace {

struct PushOptions {
  std::string model_path, to, self_test_path;
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

Outcome push(PushOptions& options, Context& context) {
  std::vector<uint8_t> model;
  std::string error;
  if (!read_file(options.model_path, kModelFileBytesMax, &model, &error)) return {ExitCode::kFile, "check", error};
  Outcome outcome = gather(options);
  if (outcome.code != ExitCode::kOk) return outcome;
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
  Package package;
  outcome = build_package(model, options.package, &package);
  if (outcome.code != ExitCode::kOk) {
    outcome.sentence = options.model_path + ": " + outcome.sentence;
    return outcome;
  }
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

}  // namespace

void add_push(CLI::App& app, Context& context) {
  auto options = std::make_shared<PushOptions>();
  CLI::App* command = app.add_subcommand("push", "Check a model, deliver it, and activate it");
  command->add_option("MODEL", options->model_path, "The .tflite file")->required();
  command->add_option("--to", options->to, kToHelp);
  command->add_flag("--activate,!--no-activate", options->activate,
                    "Swap it in when it is verified (the default); without, at `roost activate` or the next start");
  command->add_flag("--confirm", options->confirm, "Confirm it as soon as it runs, without waiting for a trial");
  command->add_option("--self-test", options->self_test_path,
                      "JSON with inputs and expected outputs that the device must reproduce before it activates");
  command->add_option("--label", options->labels,
                      "Names of the classes: a,b,c or a file with one a line; repeatable");
  command->add_option("--set", options->settings, "KEY=VALUE kept beside the model; repeatable");
  command->add_option("--name", options->package.name, "The model's name (default: the file's)");
  command->add_option("--model-version", options->package.version, "Its version (default: from its digest)");
  command->add_option("--hardware", options->package.hardware, "Only for devices of this hardware name");
  command->add_option("--confirm-after", options->package.confirm_after,
                      "Confirmed by the device after so many healthy inferences (0: by host or application only)");
  command->add_option("--warm-up", options->package.warm_up, "Inferences that do not count yet");
  command->add_option("--attempts", options->package.attempts, "How often it may be tried before it is given up")
      ->check(CLI::Range(1, 16));
  command->add_option("--counter", options->package.counter,
                      "Monotonic counter against going back to old packages");
  command->add_flag("--force", options->session.force, "Although the device rejected this very package before");
  command->add_option("--reconnect", options->reconnect_s, "Seconds to try again after the link is lost")
      ->capture_default_str();
  command
      ->add_option("--interval", options->air.interval_ms,
                   "The connection interval in ms, where you know it, for the report's eta")
      ->check(CLI::Range(7.5, 4000.0));
  command->add_option("--phy", options->air.phy_mbit, "The PHY in Mbit/s, 1 or 2 (default 1), likewise")
      ->check(CLI::IsMember({1, 2}));
  command->add_flag("--json", options->json, "Progress and result as JSON lines on stdout");
  command->callback([options, &context] {
    if (options->confirm && !options->activate) {
      context.outcome = {ExitCode::kUsage, "check",
                         "--confirm needs the model to be active: leave --no-activate out"};
    } else {
      context.outcome = push(*options, context);
    }
    if (options->json) print_json(result_json(context.outcome));
  });
}

}  // namespace roost::host
