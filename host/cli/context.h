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

struct Context {
  bool verbose = false;
  bool quiet = false;
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

// A link to what --to names, or null with the outcome: "sim:PATH", "sim:NAME", or empty for the only one in reach.
std::unique_ptr<Link> open_link(Loop& loop, const std::string& to, Outcome* outcome);

// The help text of --to.
extern const char* const kToHelp;

// One JSON line on stdout.
void print_json(const nlohmann::ordered_json& json);

// {"event": "result", "exit_code", "result", "stage", "message"} for --json.
nlohmann::ordered_json result_json(const Outcome& outcome);

}  // namespace roost::host
