#include "host/cli/context.h"

#include <fmt/format.h>

#include <cstdio>

#include "host/address.h"
#include "host/bluez/open_link.h"
#include "host/cli/daemon_client.h"
#include "host/loopback_link.h"

namespace roost::host {

const char* const kToHelp =
    "The device: sim:PATH (a simulated device's socket), sim:NAME, ble:NAME, ble:ADDRESS or\nble:DEVICE-ID (over "
    "Bluetooth; ble:hci1/NAME on that adapter), or nothing if only one simulated one is in reach";

std::unique_ptr<DaemonClient> daemon_for(const std::string& to, const Context& context, Outcome* outcome) {
  if (context.route == Route::kDirect) return nullptr;
  const bool may_be_known = !to.empty();
  if (context.route == Route::kAuto && !may_be_known) return nullptr;
  auto client = DaemonClient::find();
  if (!client) {
    if (context.route == Route::kDaemon) *outcome = {ExitCode::kLinkLost, "daemon", "no roostd runs on this bus"};
    return nullptr;
  }
  const bool over_the_air = Address::parse(to).kind == Address::Kind::kBle;
  const bool through = context.route == Route::kDaemon || over_the_air || !client->device(to).empty();
  return through ? std::move(client) : nullptr;
}

std::unique_ptr<Link> open_link(Loop& loop, const std::string& to, Outcome* outcome) {
  std::string address = to;
  if (address.empty()) {
    const std::vector<Sighting> found = scan_loopback(sim_directory(), 500);
    if (found.size() != 1) {
      *outcome = {found.empty() ? ExitCode::kLinkLost : ExitCode::kUsage, "connect",
                  found.empty() ? "no device is in reach: name one with --to, or start one with `roost device`"
                                : "several devices are in reach: name one with --to (`roost scan` lists them)"};
      return nullptr;
    }
    address = found[0].address;
  }
  const Address parsed = Address::parse(address);
  if (parsed.kind == Address::Kind::kBle) {
    std::string error;
    auto link = open_bluez_link(loop, parsed.rest, &error);
    if (!link) *outcome = {ExitCode::kLinkLost, "connect", error};
    return link;
  }
  if (parsed.kind == Address::Kind::kInvalid) {
    *outcome = {ExitCode::kUsage, "connect",
                fmt::format("--to {}: not an address; sim:PATH, sim:NAME or ble:NAME is", address)};
    return nullptr;
  }
  return std::make_unique<LoopbackLink>(loop, parsed.rest);
}

void print_json(const nlohmann::ordered_json& json) {
  fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stdout);
}

nlohmann::ordered_json result_json(const Outcome& outcome) {
  nlohmann::ordered_json json = {
      {"event", "result"}, {"exit_code", static_cast<int>(outcome.code)}, {"result", exit_code_name(outcome.code)}};
  if (!outcome.stage.empty()) json["stage"] = outcome.stage;
  if (!outcome.sentence.empty()) json["message"] = outcome.sentence;
  return json;
}

}  // namespace roost::host
