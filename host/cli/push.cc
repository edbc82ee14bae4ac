// roost push MODEL --to DEVICE
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "host/cli/context.h"
#include "host/cli/run_session.h"
#include "host/file.h"
#include "host/link_limit.h"
#include "host/package.h"

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

// What a delivery reached of what a radio carries. eta needs to know interval and PHY, which bluetoothd does not
// tell; without them there are the bounds that hold at any interval.
struct AirReport {
  bool any = false;  // it went over a radio, and something was sent
  double bytes_per_second = 0;
  double ceiling_1m = 0, ceiling_2m = 0;  // at this value size, in an event without an end
  std::optional<double> limit;            // at the interval and PHY that the user named
  bool interval_binds = false;            // more than a tenth of the ceiling is lost to what does not fit
};

AirReport air_report(const Package& package, const SessionReport& report, bool over_radio, AirParameters air) {
  AirReport told;
  if (!over_radio || report.send_seconds <= 0 || report.value_bytes == 0) return told;
  told.any = true;
  told.bytes_per_second = static_cast<double>(package.payload.size() - report.bytes_resumed) / report.send_seconds;
  air.value_bytes = report.value_bytes;
  told.ceiling_1m =
      air_bytes_per_second({.value_bytes = air.value_bytes, .phy_mbit = 1, .encrypted = air.encrypted});
  told.ceiling_2m =
      air_bytes_per_second({.value_bytes = air.value_bytes, .phy_mbit = 2, .encrypted = air.encrypted});
  if (air.interval_ms <= 0) return told;
  told.limit = air_bytes_per_second(air);
  told.interval_binds = *told.limit < 0.9 * (air.phy_mbit == 1 ? told.ceiling_1m : told.ceiling_2m);
  return told;
}

// What held the transfer back most, from where the time went; the host is what is neither waited for.
const char* binding_limit(const SessionReport& report, const AirReport& air) {
  const double host_seconds = report.send_seconds - report.flash_seconds - report.radio_seconds;
  if (report.flash_seconds >= std::max(report.radio_seconds, host_seconds)) return "flash";
  if (report.radio_seconds < host_seconds) return "host";
  return air.interval_binds ? "interval fit" : "radio";
}

nlohmann::ordered_json air_json(const AirReport& air) {
  if (!air.any) return nullptr;
  return {
      {"bytes_per_second", air.bytes_per_second},
      {"ceiling_1m_bytes_per_second", air.ceiling_1m},
      {"ceiling_2m_bytes_per_second", air.ceiling_2m},
      {"limit_bytes_per_second", air.limit ? nlohmann::ordered_json(*air.limit) : nullptr},
      {"eta", air.limit && *air.limit > 0 ? nlohmann::ordered_json(air.bytes_per_second / *air.limit) : nullptr}};
}

nlohmann::ordered_json report_json(const Package& package, const SessionReport& report, const CallCounts& calls,
                                   const AirReport& air) {
  return {{"event", "report"},
          {"package", fmt::format("{:08x}", package.id)},
          {"name", package.name},
          {"version", package.version},
          {"model_bytes", package.model_bytes},
          {"model_sha256", hex(package.model_sha256)},
          {"payload_bytes", package.payload.size()},
          {"already_there", report.already_there},
          {"bytes_resumed", report.bytes_resumed},
          {"chunks", report.chunks},
          {"chunks_resumed", report.chunks_resumed},
          {"chunks_sent", report.chunks_sent},
          {"fragments_sent", report.fragments_sent},
          {"fragments_resent", report.fragments_resent},
          {"data_bytes", report.data_bytes},
          {"control_bytes", report.control_bytes},
          {"notified_bytes", report.notified_bytes},
          {"reports", report.reports},
          {"queries", report.queries},
          {"rewinds", report.rewinds},
          {"credit_stalls", report.credit_stalls},
          {"reconnects", report.reconnects},
          {"att_mtu", report.att_mtu},
          {"value_bytes", report.value_bytes},
          {"seconds", report.seconds},
          {"send_seconds", report.send_seconds},
          {"flash_seconds", report.flash_seconds},
          {"radio_seconds", report.radio_seconds},
          {"dbus_calls", calls},
          {"binding_limit", binding_limit(report, air)},
          {"air", air_json(air)}};
}

void print_air(const AirReport& air) {
  if (!air.any) return;
  const double percent = 100 * air.bytes_per_second;
  fmt::print("  {:.0f} % of what values of this size reach on 1M at most ({}/s), {:.0f} % on 2M ({}/s); ",
             percent / air.ceiling_1m, human_bytes(air.ceiling_1m), percent / air.ceiling_2m,
             human_bytes(air.ceiling_2m));
  if (air.limit && *air.limit > 0) {
    fmt::print("eta {:.0f} % of the limit at this interval ({}/s)\n", percent / *air.limit,
               human_bytes(*air.limit));
  } else {
    fmt::print("eta unknown: bluetoothd does not tell interval and PHY (--interval, --phy)\n");
  }
}

void print_calls(const CallCounts& calls) {
  if (calls.empty()) return;
  uint32_t total = 0;
  std::string kinds;
  for (const auto& [member, count] : calls) {
    total += count;
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", member, count);
  }
  fmt::print("  {} D-Bus calls: {}\n", total, kinds);
}

void print_report(const Package& package, const SessionResult& result, const AirReport& air,
                  const PushOptions& options) {
  const SessionReport& report = result.report;
  const char* state = options.confirm    ? "is confirmed"
                      : options.activate ? "is active, on trial"
                                         : "is stored and verified";
  fmt::print("{} {} {}\n", package.name, package.version, state);
  if (report.already_there) {
    fmt::print("  the device held it already: nothing was sent\n");
    return;
  }
  const double sent = static_cast<double>(package.payload.size() - report.bytes_resumed);
  fmt::print("  {} in {:.2f} s", human_bytes(sent), report.send_seconds);
  if (report.send_seconds > 0) fmt::print(", {}/s", human_bytes(sent / report.send_seconds));
  fmt::print("; held back by the {}\n", binding_limit(report, air));
  if (report.chunks_resumed > 0) {
    fmt::print("  resumed: {} of {} pages were there already and were not sent again\n", report.chunks_resumed,
               report.chunks);
  }
  const double overhead =
      static_cast<double>(report.data_bytes + report.control_bytes + report.notified_bytes) - sent;
  fmt::print(
      "  {} fragments of {} bytes (MTU {}), {} sent again; {} reports; {} waits for credit; "
      "overhead {:.2f} %{}\n",
      report.fragments_sent, report.value_bytes, report.att_mtu, report.fragments_resent, report.reports,
      report.credit_stalls, sent > 0 ? overhead * 100 / sent : 0.0,
      report.reconnects ? fmt::format("; {} reconnects", report.reconnects) : "");
  print_air(air);
  print_calls(result.calls);
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
  const AirReport air = air_report(package, result.report, !result.calls.empty(), options.air);
  if (options.json && delivered) {
    print_json(report_json(package, result.report, result.calls, air));
  } else if (!options.json && result.outcome.code == ExitCode::kOk) {
    print_report(package, result, air, options);
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
