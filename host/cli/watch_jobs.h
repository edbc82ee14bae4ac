// Shows jobs of roostd while they go on.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cli/daemon_client.h"

namespace roost::host {

// A line for each change of one of them, until all have ended. The outcome is that of the first one that failed.
Outcome watch_jobs(DaemonClient& client, const std::vector<std::string>& jobs, bool json);

// "12  deploy  left-hand  gesture  running  send 41 %": a job's properties in one line.
std::string job_line(const dbus::Dict& job);

// The same for programs.
nlohmann::ordered_json job_json(const dbus::Dict& job);

}  // namespace roost::host
