#include "host/cli/watch_jobs.h"

#include <fmt/format.h>

#include <map>

#include "host/cli/context.h"

namespace roost::host {

using dbus::get;

std::string job_line(const dbus::Dict& job) {
  const std::string state = get<std::string>(job, "State");
  std::string detail;
  if (state == "running") {
    detail = get<std::string>(job, "Phase");
    const uint64_t total = get<uint64_t>(job, "BytesTotal");
    if (detail == phase_name(Phase::kSend) && total > 0) {
      detail += fmt::format(" {} %", 100 * get<uint64_t>(job, "BytesDone") / total);
    }
  } else if (state != "queued" && state != "done") {
    detail = get<std::string>(job, "Message");
  }
  return fmt::format("{:>5}  {:<8}  {:<16}  {:<16}  {:<9}  {}", get<uint64_t>(job, "Number"),
                     get<std::string>(job, "Kind"), get<std::string>(job, "DeviceName"),
                     get<std::string>(job, "ModelName"), state, detail);
}

nlohmann::ordered_json job_json(const dbus::Dict& job) {
  const auto text = [&](const char* name) { return get<std::string>(job, name); };
  const auto number = [&](const char* name) { return get<uint64_t>(job, name); };
  nlohmann::ordered_json json = {{"job", number("Number")},
                                 {"kind", text("Kind")},
                                 {"device", text("DeviceName")},
                                 {"device_id", text("DeviceId")},
                                 {"model", text("Model")},
                                 {"model_name", text("ModelName")},
                                 {"state", text("State")},
                                 {"phase", text("Phase")},
                                 {"bytes", number("BytesDone")},
                                 {"bytes_total", number("BytesTotal")},
                                 {"bytes_per_second", number("BytesPerSecond")},
                                 {"attempts", get<uint32_t>(job, "Attempts")},
                                 {"next_attempt_at", number("NextAttemptAt")},
                                 {"created_at", number("CreatedAt")},
                                 {"ended_at", number("EndedAt")},
                                 {"exit_code", get<int32_t>(job, "ExitCode")},
                                 {"result", text("Result")},
                                 {"stage", text("Stage")},
                                 {"message", text("Message")}};
  const auto report = nlohmann::ordered_json::parse(text("Report"), nullptr, false);
  if (report.is_object()) json["report"] = report;
  return json;
}

Outcome watch_jobs(DaemonClient& client, const std::vector<std::string>& jobs, bool json) {
  std::map<std::string, std::string> shown;
  const auto seen = [&](const std::string& path, const dbus::Dict& job) {
    const std::string line =
        json ? job_json(job).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) : job_line(job);
    if (std::exchange(shown[path], line) == line) return;
    fmt::print("{}\n", line);
    std::fflush(stdout);
  };
  bool interrupted = false;
  const auto ended = client.watch(jobs, seen, &interrupted);
  for (const DaemonClient::Ended& job : ended) {
    if (job.outcome.code != ExitCode::kOk) return job.outcome;
  }
  if (!interrupted) return {};
  return {ExitCode::kInterrupted, "daemon", "not watched any more; roostd goes on with what is open"};
}

}  // namespace roost::host
