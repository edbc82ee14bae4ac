// roost activate | confirm | rollback | abort | erase --to DEVICE
#include <fmt/format.h>

#include "host/cli/context.h"
#include "host/cli/run_session.h"

namespace roost::host {
namespace {

struct RequestOptions {
  std::string to;
  bool json = false;
  bool yes = false;
};

void add_request(CLI::App& app, Context& context, const char* name, const char* help, protocol::MessageType type,
                 const char* done, bool asks = false) {
  auto options = std::make_shared<RequestOptions>();
  CLI::App* command = app.add_subcommand(name, help);
  command->add_option("--to", options->to, kToHelp);
  command->add_flag("--json", options->json, "The result as a JSON line");
  if (asks) command->add_flag("--yes", options->yes, "Really")->required();
  command->callback([options, type, done, &context] {
    SessionPlan plan;
    plan.requests.push_back(type);
    context.outcome = run_session(options->to, plan, SessionOptions(), options->json, context).outcome;
    if (context.outcome.code == ExitCode::kOk) context.outcome.sentence = done;
    if (options->json) {
      print_json(result_json(context.outcome));
    } else if (context.outcome.code == ExitCode::kOk) {
      fmt::print("{}\n", done);
    }
  });
}

}  // namespace

void add_device_requests(CLI::App& app, Context& context) {
  using protocol::MessageType;
  add_request(app, context, "activate", "Swap in the model that is stored and verified", MessageType::kActivate,
              "active, on trial");
  add_request(app, context, "confirm", "Keep the model that is on trial", MessageType::kConfirm, "confirmed");
  add_request(app, context, "rollback", "Go back to the model before", MessageType::kRollback,
              "rolled back; `roost status` tells what runs");
  add_request(app, context, "abort", "Forget a package that is half received", MessageType::kAbort,
              "forgotten; the slot is free");
  add_request(app, context, "erase", "Erase all models on the device (not the built-in one)",
              MessageType::kEraseModels, "all models are erased", true);
}

}  // namespace roost::host
