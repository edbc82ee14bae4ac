// roost pair | unpair | trust --to ble:DEVICE
#include "host/bluez/pairing.h"

#include <fmt/format.h>

#include "host/bluez/open_link.h"
#include "host/cli/context.h"
#include "host/cli/daemon_client.h"

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

// The daemon holds the agent; what it is asked, the person at this terminal answers.
Outcome pair_through(DaemonClient& client, const PairingOptions& options, const std::string& name) {
  Outcome outcome;
  const std::string device = client.device_or_new(options.to, &outcome);
  if (device.empty()) return outcome;
  bluez::TerminalDialog dialog(client.loop());
  const auto answer = [&](bool accepted, uint32_t passkey) {
    dbus::Message call = dbus::Message::call(daemon::kBusName, device, daemon::kDeviceInterface, "AnswerPairing");
    client.bus().send(call.append(accepted, passkey));
  };
  const auto match = client.bus().match(
      {.path = device, .interface = daemon::kDeviceInterface, .member = "PairingAsked"},
      [&](const dbus::Message& signal) {
        std::string question;
        uint32_t passkey = 0;
        if (!signal.read(&question, &passkey)) return;
        const auto yes_or_no = [answer](bool yes) { answer(yes, 0); };
        if (question == "confirm") return dialog.confirm(options.to, passkey, yes_or_no);
        if (question == "authorize") return dialog.authorize(options.to, yes_or_no);
        if (question == "show") return dialog.show_passkey(options.to, passkey, 0);
        if (question == "cancel") return dialog.cancel();
        dialog.enter_passkey(
            options.to, [answer](std::optional<uint32_t> typed) { answer(typed.has_value(), typed.value_or(0)); });
      });
  const dbus::Message reply =
      name == "trust" ? client.call(device, daemon::kDeviceInterface, "Trust", !options.no)
                      : client.call(device, daemon::kDeviceInterface, name == "pair" ? "Pair" : "Unpair");
  std::string achieved;
  if (reply.is_error() || !reply.read(&achieved)) return DaemonClient::failure(reply);
  fmt::print("{}\n", achieved);
  return {};
}

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
  command->callback([=, &context] {
    const auto client = daemon_for(options->to, context, &context.outcome);
    if (client) {
      context.outcome = pair_through(*client, *options, name);
    } else if (context.outcome.code == ExitCode::kOk) {
      context.outcome = run_pairing(*options, name, act(*options));
    }
  });
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
