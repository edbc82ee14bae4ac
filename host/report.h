// What a delivery cost, for programs: the `report` line of --json, and a job's report.
#pragma once

#include <nlohmann/json.hpp>

#include "host/link.h"
#include "host/package.h"
#include "host/session.h"

namespace roost::host {

// What held the transfer back most, from where the time went.
const char* binding_limit(const SessionReport& report);

nlohmann::ordered_json report_json(const Package& package, const SessionReport& report, const CallCounts& calls);

}  // namespace roost::host
