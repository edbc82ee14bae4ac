#include "host/cli/run_session.h"

#include <spdlog/spdlog.h>

#include "host/cli/daemon_client.h"

namespace roost::host {

namespace {

// What the daemon's Device calls these requests.
const char* method_of(protocol::MessageType request) {
  switch (request) {
    case protocol::MessageType::kActivate:
      return "Activate";
    case protocol::MessageType::kConfirm:
      return "Confirm";
    case protocol::MessageType::kRollback:
      return "RollBack";
    case protocol::MessageType::kAbort:
      return "Abort";
    default:
      return "EraseModels";
  }
}

// Info, or one request as a job.
SessionResult run_through(DaemonClient& client, const std::string& to, const SessionPlan& plan) {
  SessionResult result;
  const std::string device = client.device_or_new(to, &result.outcome);
  if (device.empty()) return result;
  if (plan.requests.empty()) {
    const dbus::Message reply = client.call(device, daemon::kDeviceInterface, "ReadInfo");
    dbus::ByteString value;
    protocol::Info info;
    if (reply.is_error()) {
      result.outcome = DaemonClient::failure(reply);
    } else if (reply.read(&value) && protocol::decode_info(value, &info).ok()) {
      result.info = info;
    }
    return result;
  }
  dbus::ObjectPath path;
  const dbus::Message filed = client.call(device, daemon::kDeviceInterface, method_of(plan.requests.front()));
  if (filed.is_error() || !filed.read(&path)) {
    result.outcome = DaemonClient::failure(filed);
    return result;
  }
  bool interrupted = false;
  const auto ended = client.watch(
      {path.text}, [](const std::string&, const dbus::Dict&) {}, &interrupted);
  result.outcome = !ended.empty()
                       ? ended.front().outcome
                       : Outcome{ExitCode::kInterrupted, "daemon",
                                 "roostd goes on with it: `roost jobs` shows it, `roost cancel` ends it"};
  return result;
}

}  // namespace

SessionResult run_session(const std::string& to, const SessionPlan& plan, const SessionOptions& options, bool json,
                          const Context& context) {
  SessionResult result;
  if (!plan.package) {
    const auto client = daemon_for(to, context, &result.outcome);
    if (client) return run_through(*client, to, plan);
    if (result.outcome.code != ExitCode::kOk) return result;
  }
  Loop loop;
  std::unique_ptr<Link> link = open_link(loop, to, &result.outcome);
  if (!link) return result;
  ProgressView view(json ? ProgressView::Mode::kJson : ProgressView::mode_for_stderr());
  SessionEvents events;
  if (plan.package && (json || !context.quiet)) {
    events.progress = [&view](const Progress& progress) { view.show(progress, Loop::now_ms()); };
  }
  events.log = [&view](const std::string& text) {
    view.finish();
    spdlog::info("{}", text);
  };
  events.done = [&](const Outcome& outcome) {
    view.finish();
    result.outcome = outcome;
    loop.stop(0);
  };
  Session session(loop, *link, plan, options, events);
  const auto terminate = loop.on_terminate([&session] {
    session.cancel({ExitCode::kInterrupted, "interrupted",
                    "stopped by the user; what is durable on the device is kept: the same command resumes"});
  });
  session.start();
  loop.run();
  result.report = session.report();
  result.calls = link->calls();
  result.info = session.info();
  return result;
}

}  // namespace roost::host
