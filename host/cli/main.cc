// The `roost` command line. One file per command in this folder; exit codes in host/exit_code.h.
#include <fmt/format.h>
#include <sodium.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>

#include "host/cli/context.h"

namespace {

using roost::host::Context;
using roost::host::ExitCode;

int run(int argc, char** argv) {
  CLI::App app("Delivers machine-learning models to microcontrollers, keeps them there, swaps them live.", "roost");
  Context context;
  app.require_subcommand(1);
  app.set_version_flag("--version", ROOST_VERSION);
  app.add_flag("-v,--verbose", context.verbose, "More of what happens, on stderr");
  app.add_flag("-q,--quiet", context.quiet, "No progress, only the result");
  bool daemon = false, direct = false;
  auto* through = app.add_flag("--daemon", daemon, "Only through a running roostd");
  app.add_flag("--direct", direct, "Never through roostd")->excludes(through);
  app.fallthrough();
  roost::host::add_push(app, context);
  roost::host::add_device_queries(app, context);
  roost::host::add_device_requests(app, context);
  roost::host::add_inspect(app, context);
  roost::host::add_run(app, context);
  roost::host::add_convert(app, context);
  roost::host::add_pairing(app, context);
  roost::host::add_jobs(app, context);
  roost::host::add_device(app, context);
  app.footer(
      "Exit codes: 0 done, 2 bad arguments, 3 bad model, 4 does not fit, 5 refused by the device, 6 link lost,\n"
      "7 timed out, 8 verified but rolled back, 9 file, 1 anything else. `roost COMMAND --help` tells more.");
  app.parse_complete_callback([&] {
    context.route = daemon   ? roost::host::Route::kDaemon
                    : direct ? roost::host::Route::kDirect
                             : roost::host::Route::kAuto;
    spdlog::set_default_logger(spdlog::stderr_color_mt("roost"));
    spdlog::set_pattern("%v");
    spdlog::set_level(context.verbose ? spdlog::level::debug
                      : context.quiet ? spdlog::level::warn
                                      : spdlog::level::info);
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);  // prints help, version or the complaint
    return code == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  if (context.outcome.code != ExitCode::kOk) {
    fmt::print(stderr, "roost: {}{}{}\n", context.outcome.stage, context.outcome.stage.empty() ? "" : ": ",
               context.outcome.sentence);
  }
  return static_cast<int>(context.outcome.code);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "roost: {}\n", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}
