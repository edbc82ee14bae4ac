// What all commands share: where their answers go and how they end.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "host/exit_code.h"
#include "host/link.h"
#include "host/loop.h"

namespace roost::host {

class DaemonClient;

// Whether what concerns a device goes through a running roostd, which may hold the adapter or the device.
enum class Route {
  kAuto,    // over Bluetooth, and to what it knows: yes
  kDaemon,  // always, and no daemon is an error
  kDirect,  // never
};

struct Context {
  bool verbose = false;
  bool quiet = false;
  Route route = Route::kAuto;
  Outcome outcome;  // of the command that ran
};

// Registers a command; its callback sets context.outcome.
void add_push(CLI::App& app, Context& context);
void add_device_queries(CLI::App& app, Context& context);   // info, status, scan
void add_device_requests(CLI::App& app, Context& context);  // activate, confirm, rollback, abort, erase
void add_inspect(CLI::App& app, Context& context);
void add_run(CLI::App& app, Context& context);
void add_convert(CLI::App& app, Context& context);
void add_device(CLI::App& app, Context& context);
void add_pairing(CLI::App& app, Context& context);  // pair, unpair, trust
void add_jobs(CLI::App& app, Context& context);     // devices, jobs, history, watch, cancel

// The daemon that a command about the device `to` goes through; null: none, the outcome tells if that is an error.
std::unique_ptr<DaemonClient> daemon_for(const std::string& to, const Context& context, Outcome* outcome);

// A link to what --to names, or null with the outcome: "sim:PATH", "sim:NAME", or empty for the only one in reach.
std::unique_ptr<Link> open_link(Loop& loop, const std::string& to, Outcome* outcome);

// The help text of --to.
extern const char* const kToHelp;

// One JSON line on stdout.
void print_json(const nlohmann::ordered_json& json);

// {"event": "result", "exit_code", "result", "stage", "message"} for --json.
nlohmann::ordered_json result_json(const Outcome& outcome);

}  // namespace roost::host
