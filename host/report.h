// What a delivery cost: the `report` line of --json, a job's report, and the same for people.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/link.h"
#include "host/link_limit.h"
#include "host/package.h"
#include "host/session.h"

namespace roost::host {

// `radio`: what is known of the connection's air; nothing where the link was no radio. README.md explains the fields.
nlohmann::ordered_json report_json(const Package& package, const SessionReport& report, const CallCounts& calls,
                                   std::optional<AirParameters> radio);

// Some lines, each ended, of what report_json made.
std::string report_text(const nlohmann::json& report);

}  // namespace roost::host
