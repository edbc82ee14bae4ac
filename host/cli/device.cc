// roost device: the simulated device
#include <csignal>

#include <atomic>
#include <filesystem>

#include "device/ports/bluez/bluez_peripheral.h"
#include "device/ports/linux/sim_device.h"
#include "host/address.h"
#include "host/bluez/open_link.h"
#include "host/cli/context.h"
#include "host/loopback_link.h"

namespace roost::host {
namespace {

std::atomic<bool> stop{false};

void handle_signal(int) {
  stop = true;
}

struct BluezOptions {
  std::string adapter;  // empty: not over Bluetooth
  bool encrypted = false;
  std::string pairing = "none";
};

device::OpenRadio bluez_radio(const BluezOptions& bluez, const std::string& name, uint16_t att_mtu) {
  using Options = device::BluezPeripheral::Options;
  Options options;
  options.bus = default_bus();
  options.adapter = bluez.adapter;
  options.name = name;
  options.encrypted = bluez.encrypted;
  options.att_mtu_max = att_mtu;
  if (bluez.pairing == "just-works") options.pairing = Options::Pairing::kJustWorks;
  if (bluez.pairing == "passkey") options.pairing = Options::Pairing::kPasskey;
  return [options](device::Peripheral& peripheral, std::function<void(const std::string&)> say,
                   std::string* error) -> std::unique_ptr<device::Radio> {
    Options with_log = options;
    with_log.log = std::move(say);
    auto radio = std::make_unique<device::BluezPeripheral>(with_log, peripheral);
    if (!radio->start(error)) return nullptr;
    return radio;
  };
}

Outcome run_device(device::SimDeviceOptions options, const BluezOptions& bluez) {
  if (!bluez.adapter.empty()) options.open_radio = bluez_radio(bluez, options.name, options.att_mtu);
  std::error_code error;
  options.announce_folder = sim_directory();
  if (options.listen_path.empty() && !options.open_radio) {
    std::filesystem::create_directories(sim_directory(), error);
    options.listen_path = sim_directory() + "/" + options.name + ".sock";
  }
  struct sigaction action = {};
  action.sa_handler = handle_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::string sentence;
  if (!device::run_sim_device(options, stop, &sentence)) return {ExitCode::kUsage, "device", sentence};
  return {};
}

}  // namespace

void add_device(CLI::App& app, Context& context) {
  auto options = std::make_shared<device::SimDeviceOptions>();
  auto bluez = std::make_shared<BluezOptions>();
  CLI::App* command = app.add_subcommand("device", "Be a device: simulated flash, real everything else");
  command->add_option(
      "--flash", options->flash_path,
      "File that is the flash: it may be killed at any moment and started again (default: in memory)");
  command->add_option("--listen", options->listen_path, "Socket (default: NAME.sock where `roost scan` looks)");
  command->add_option("--name", options->name, "Its name")->capture_default_str();
  command->add_option("--bluez", bluez->adapter,
                      "Be a real Bluetooth device on this adapter (hci0), through bluetoothd");
  command->add_flag("--encrypted", bluez->encrypted, "Over Bluetooth: only paired centrals");
  command->add_option("--pairing", bluez->pairing, "Over Bluetooth: who may pair, and how")
      ->check(CLI::IsMember({"none", "just-works", "passkey"}))
      ->capture_default_str();
  command->add_option("--board", options->board, "What it simulates:\n" + device::describe_boards())
      ->capture_default_str();
  command->add_option("--hardware", options->hardware,
                      "Hardware name that packages may ask for (default: the board)");
  command->add_option("--builtin", options->builtin_path, "A model that the firmware carries");
  command->add_option("--contract", options->contract_path,
                      "Take only models with the inputs of this one (the application's contract)");
  command->add_option("--feed", options->feed_path,
                      "Recorded sensor windows, one after the other; names of them in a .json beside it");
  command->add_option("--region", options->region_bytes, "Bytes of flash for models (default: the board's)");
  command->add_option("--arena", options->arena_bytes, "Bytes of arena (default: the board's)");
  command->add_option("--ring", options->ring_bytes, "Bytes of receive ring (default: the board's)")
      ->check(CLI::Range(2048, 16384));
  command->add_option("--slots", options->slot_count, "Slots")->check(CLI::Range(2, 3))->capture_default_str();
  command->add_option("--mtu", options->att_mtu, "ATT MTU")->check(CLI::Range(23, 517))->capture_default_str();
  command->add_option("--drop", options->faults.drop, "Probability that a fragment or notification is lost")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--reorder", options->faults.reorder, "Probability that one is overtaken")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--corrupt", options->faults.corrupt, "Probability that a bit of a fragment is flipped")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--latency", options->faults.latency_ms, "Milliseconds each way");
  command->add_option("--seed", options->faults.seed, "For all of these")->capture_default_str();
  command->add_option("--rate", options->inferences_per_second, "Inferences per second")
      ->check(CLI::Range(0.01, 10000.0))
      ->capture_default_str();
  command->add_flag("--flash-time,!--no-flash-time", options->flash_takes_time,
                    "Erasing and programming take the part's time (the default)");
  command->add_flag("--watchdog-reset", options->watchdog_reset, "Start as after a reset by watchdog");
  command->add_flag("--show-inferences", options->each_inference, "A line for every inference");
  command->add_flag("--json", options->json, "What happens as JSON lines");
  command->callback([options, bluez, &context] { context.outcome = run_device(*options, *bluez); });
}

}  // namespace roost::host
