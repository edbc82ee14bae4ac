// roostd: delivers models to many devices, and goes on after any interruption. See README.md beside this file.
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "host/bluez/open_link.h"
#include "host/daemon/log.h"
#include "host/daemon/names.h"
#include "host/daemon/service.h"

namespace {

using namespace roost::host;
using namespace roost::host::daemon;

// As systemd counts them: restarting helps for the first, not for the second (RestartPreventExitStatus).
constexpr int kExitTrouble = 1;
constexpr int kExitUsage = 2;

struct Options {
  std::string bus = default_bus();
  std::string state_folder;
  DispatcherOptions dispatcher;
  bool verbose = false;
};

std::string default_state_folder() {
  if (const char* folder = getenv("STATE_DIRECTORY")) return folder;
  return "/var/lib/roost";
}

int serve(const Options& options) {
  std::error_code ignored;
  std::filesystem::create_directories(options.state_folder, ignored);
  Loop loop;
  std::string error;
  auto bus = dbus::Connection::open(loop, options.bus, &error);
  if (!bus) {
    spdlog::error("no message bus: {}", error);
    return kExitTrouble;
  }
  // The name first: it tells whether another daemon is at work on the same bus.
  Database::Contents contents;
  auto database = Database::open(loop, options.state_folder + "/roost.db", &contents, &error);
  if (!database) {
    spdlog::error("{}", error);
    return kExitTrouble;
  }
  Worker files(loop);
  ModelStore models(files, options.state_folder + "/models");
  Links links(*bus, files);
  Registry registry(loop, *database, std::move(contents));
  Dispatcher dispatcher(loop, registry, links, models, options.dispatcher);
  Service service(*bus, registry, dispatcher, links, models);
  bus->on_lost([&] {
    spdlog::error("the message bus hung up");
    loop.stop(kExitTrouble);
  });
  service.claim([&](bool owned) {
    if (!owned) {
      spdlog::error("{} is taken on this bus: another roostd is running, or the bus policy forbids it", kBusName);
      return loop.stop(kExitTrouble);
    }
    spdlog::info("ready: {} devices, {} models, {} open jobs", registry.devices().size(), registry.models().size(),
                 registry.heads().size());
    sd_notify(0, "READY=1");
    dispatcher.poke();
  });
  loop.feed_watchdog();
  const auto terminate = loop.on_terminate([&] {
    sd_notify(0, "STOPPING=1");
    loop.stop(0);
  });
  return loop.run();
}

int run(int argc, char** argv) {
  CLI::App app("Delivers models to many Roost devices; `roost` is its client.", "roostd");
  Options options;
  options.state_folder = default_state_folder();
  app.set_version_flag("--version", ROOST_VERSION);
  app.add_option("--bus", options.bus, "The bus to serve and to find bluetoothd on: system, session or an address")
      ->capture_default_str();
  app.add_option("--state", options.state_folder, "The folder for the database and the models")
      ->capture_default_str();
  app.add_option("--at-once", options.dispatcher.at_once, "Devices delivered to at the same time")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--backoff-max", options.dispatcher.backoff_max_ms, "Milliseconds between two attempts, at most")
      ->check(CLI::Range(100, 3600000))
      ->capture_default_str();
  app.add_flag("-v,--verbose", options.verbose, "More of what happens");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  options.dispatcher.backoff_first_ms =
      std::min(options.dispatcher.backoff_first_ms, options.dispatcher.backoff_max_ms);
  set_up_log(options.verbose);
  return serve(options);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "roostd: {}\n", error.what());
    return kExitTrouble;
  }
}
