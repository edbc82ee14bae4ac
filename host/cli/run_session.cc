#include "host/cli/run_session.h"

#include <spdlog/spdlog.h>

namespace roost::host {

SessionResult run_session(const std::string& to, const SessionPlan& plan, const SessionOptions& options, bool json,
                          const Context& context) {
  SessionResult result;
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
