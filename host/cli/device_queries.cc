// roost info | status --to DEVICE, roost scan
#include <fmt/format.h>

#include "host/address.h"
#include "host/bluez/open_link.h"
#include "host/cli/context.h"
#include "host/cli/run_session.h"
#include "host/info_text.h"
#include "host/loopback_link.h"
#include "runtime/schema_generated.h"

namespace roost::host {
namespace {

namespace tflite = runtime::tflite;
using protocol::PackageState;

struct QueryOptions {
  std::string to;
  bool json = false;
};

const char* state_words(PackageState state) {
  switch (state) {
    case PackageState::kEmpty:
      return "empty";
    case PackageState::kReceiving:
      return "being received";
    case PackageState::kStored:
      return "stored, not verified";
    case PackageState::kVerified:
      return "verified, waiting for activate";
    case PackageState::kTrial:
      return "active, on trial";
    case PackageState::kConfirmed:
      return "confirmed";
    case PackageState::kRolledBack:
      return "rolled back";
    case PackageState::kRejected:
      return "rejected";
    case PackageState::kErasing:
      return "being erased";
  }
  return "unknown";
}

void print_info(const protocol::Info& info) {
  fmt::print("device    {} ({})\n", hex(info.device_id), string_of(info.hardware));
  fmt::print("runs      {}{}\n", running_name(info),
             info.running.slot < info.slot_count ? fmt::format(", {}", state_words(info.running.state)) : "");
  if (info.running.reason != protocol::Reason::kOk) {
    fmt::print("          it went back to it: {}\n", protocol::describe(info.running.reason).what);
  }
  for (uint8_t i = 0; i < info.slot_count; ++i) {
    const protocol::InfoSlot& slot = info.slots[i];
    std::string line = state_words(slot.state);
    if (slot.state != PackageState::kEmpty && slot.state != PackageState::kErasing) {
      line = fmt::format("{} {}, {} (package {:08x})", string_of(slot.name), string_of(slot.version),
                         state_words(slot.state), slot.package_id);
    }
    if (slot.state == PackageState::kReceiving) line += fmt::format(", {} pages durable", slot.durable_chunks);
    if (slot.reason != protocol::Reason::kOk) line += fmt::format("; {}", protocol::describe(slot.reason).what);
    fmt::print("slot {}    {}\n", i, line);
  }
  fmt::print("takes     packages up to {} bytes, arena {} bytes\n", info.head.payload_bytes_max, info.arena_bytes);
  uint32_t worn = 0;
  for (uint8_t i = 0; i < info.slot_count; ++i) worn = std::max(worn, info.slots[i].erase_count_max);
  fmt::print("wear      most worn block erased {} times; {} erases may follow now\n", worn, info.erases_left);
}

void add_info(CLI::App& app, Context& context, const char* name, const char* help) {
  auto options = std::make_shared<QueryOptions>();
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("--to", options->to, kToHelp);
  command->add_flag("--json", options->json, "As one JSON line");
  command->callback([options, &context] {
    const SessionResult result = run_session(options->to, SessionPlan(), SessionOptions(), options->json, context);
    context.outcome = result.outcome;
    if (context.outcome.code != ExitCode::kOk || !result.info) {
      if (options->json) print_json(result_json(context.outcome));
      return;
    }
    if (options->json) {
      print_json(info_json(*result.info));
    } else {
      print_info(*result.info);
    }
  });
}

void print_sighting(const Sighting& sighting, bool json) {
  const auto advertised = protocol::decode_advertised(sighting.service_data);
  const bool known = advertised.ok();
  const std::string version = known ? string_of(advertised.value().version) : "";
  const std::string digest = known ? hex(advertised.value().model_digest) : "";
  const PackageState state = known ? advertised.value().state : PackageState::kEmpty;
  if (json) {
    nlohmann::ordered_json line = {{"address", sighting.address}, {"name", sighting.name}};
    if (sighting.rssi) line["rssi"] = *sighting.rssi;
    line["state"] = known ? package_state_name(state) : "unknown";
    line["version"] = version;
    line["digest"] = digest;
    return print_json(line);
  }
  const bool runs = state != PackageState::kEmpty;
  fmt::print("{:<16} {:<40} {:<9}{}\n", sighting.name, sighting.address,
             sighting.rssi ? fmt::format("{} dBm", *sighting.rssi) : "",
             runs    ? fmt::format("runs {} ({}), {}", version.empty() ? "its built-in model" : version, digest,
                                   state_words(state))
             : known ? "runs nothing yet"
                     : "does not tell what it runs");
}

struct ScanOptions {
  bool json = false;
  std::string adapter;
  double seconds = 4;
};

void scan(const ScanOptions& options) {
  std::vector<Sighting> found;
  if (options.adapter.empty()) found = scan_loopback(sim_directory(), 500);
  bluez::Failure bluetooth;
  if (options.seconds > 0) {
    bluetooth = scan_bluetooth(options.adapter, static_cast<uint32_t>(options.seconds * 1000), &found);
  }
  for (const Sighting& sighting : found) print_sighting(sighting, options.json);
  if (!found.empty() || options.json) return;
  fmt::print("no device is in reach (simulated ones are looked for in {})\n", sim_directory());
  if (bluetooth.error != LinkError::kNone) fmt::print("Bluetooth was not looked at: {}\n", bluetooth.sentence);
}

}  // namespace

void add_device_queries(CLI::App& app, Context& context) {
  add_info(app, context, "info", "What a device is, holds and runs");
  add_info(app, context, "status", "The same as info");
  auto options = std::make_shared<ScanOptions>();
  CLI::App* command = app.add_subcommand("scan", "List the devices in reach, simulated and over Bluetooth");
  command->add_flag("--json", options->json, "One JSON line a device");
  command->add_option("--adapter", options->adapter, "Only over Bluetooth, on this adapter (hci0)");
  command->add_option("--seconds", options->seconds, "How long to listen for Bluetooth (0: not at all)")
      ->capture_default_str();
  command->callback([options] { scan(*options); });
}

}  // namespace roost::host
