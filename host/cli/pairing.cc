// roost pair | unpair | trust --to ble:DEVICE
#include "host/bluez/pairing.h"

#include <fmt/format.h>

#include "host/bluez/open_link.h"
#include "host/cli/context.h"

namespace roost::host {
namespace {

struct PairingOptions {
  std::string to;
  bool no = false;  // trust: not any more
};

ExitCode exit_code_of(LinkError error) {
  switch (error) {
    case LinkError::kNone:
      return ExitCode::kOk;
    case LinkError::kNotPermitted:
    case LinkError::kRefused:
      return ExitCode::kRefused;
    default:
      return ExitCode::kLinkLost;
  }
}

using Act = std::function<void(bluez::Pairing& pairing, bluez::Pairing::Done done)>;

// Runs one act on a loop of its own, with an agent that asks on the terminal.
Outcome run_pairing(const PairingOptions& options, const char* stage, const Act& act) {
  if (options.to.rfind("ble:", 0) != 0) {
    return {ExitCode::kUsage, stage, fmt::format("--to {}: ble:NAME or ble:ADDRESS is expected", options.to)};
  }
  Loop loop;
  Outcome outcome = {ExitCode::kInternal, stage, ""};
  auto bus = dbus::Connection::open(loop, default_bus(), &outcome.sentence);
  if (!bus) return outcome;
  bluez::ObjectTree tree(*bus);
  bluez::TerminalDialog dialog(loop);
  bluez::PairingAgent agent(tree, dialog, bluez::PairingAgent::Capability::kKeyboardDisplay);
  bluez::Pairing pairing(tree, bluez::Target::parse(options.to.substr(4)));
  auto finish = [&](const bluez::Failure& failure) {
    outcome = {exit_code_of(failure.error), stage, failure.sentence};
    loop.stop(0);
  };
  agent.register_with(false, [&](const bluez::Failure& failure) {
    failure.error == LinkError::kNone ? act(pairing, finish) : finish(failure);
  });
  const auto terminate = loop.on_terminate([&] { finish({LinkError::kLost, "stopped by the user"}); });
  loop.run();
  if (outcome.code == ExitCode::kOk) fmt::print("{}\n", outcome.sentence);
  return outcome;
}

CLI::App* add_command(CLI::App& app, Context& context, const char* name, const char* help,
                      std::function<Act(const PairingOptions&)> act) {
  auto options = std::make_shared<PairingOptions>();
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("--to", options->to, "The device: ble:NAME or ble:ADDRESS")->required();
  if (std::string(name) == "trust") command->add_flag("--no", options->no, "Not any more");
  command->callback([=, &context] { context.outcome = run_pairing(*options, name, act(*options)); });
  return command;
}

}  // namespace

void add_pairing(CLI::App& app, Context& context) {
  using bluez::Pairing;
  add_command(app, context, "pair", "Pair with a device, and trust it", [](const PairingOptions&) -> Act {
    return [](Pairing& pairing, Pairing::Done done) { pairing.pair(std::move(done)); };
  });
  add_command(app, context, "unpair", "Forget a device, with its keys", [](const PairingOptions&) -> Act {
    return [](Pairing& pairing, Pairing::Done done) { pairing.unpair(std::move(done)); };
  });
  add_command(app, context, "trust", "Let a device reconnect without asking",
              [](const PairingOptions& options) -> Act {
                return [trusted = !options.no](Pairing& pairing, Pairing::Done done) {
                  pairing.trust(trusted, std::move(done));
                };
              });
}

}  // namespace roost::host
