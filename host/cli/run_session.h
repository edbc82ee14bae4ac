// Runs one session to its end on a loop of its own, with progress and ^C. Without a package it goes through roostd
// where that is to be (daemon_for); a delivery does so in push.cc.
#pragma once

#include <optional>

#include "host/cli/context.h"
#include "host/session.h"

namespace roost::host {

struct SessionResult {
  Outcome outcome;
  SessionReport report;
  CallCounts calls;                    // of the link
  std::optional<protocol::Info> info;  // as last read
};

SessionResult run_session(const std::string& to, const SessionPlan& plan, const SessionOptions& options, bool json,
                          const Context& context);

}  // namespace roost::host
