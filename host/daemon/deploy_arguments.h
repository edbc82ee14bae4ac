// The options of Manager.Deploy, checked.
#pragma once

#include <string>

#include "host/daemon/records.h"
#include "host/dbus/value.h"

namespace roost::host::daemon {

// Without an option that says otherwise, a job is tried for a day.
constexpr uint32_t kRetryForDefaultS = 24 * 3600;
constexpr uint32_t kRetryForMaxS = 365 * 24 * 3600;

struct DeployArguments {
  DeployOptions options;
  uint32_t retry_for_s = kRetryForDefaultS;
};

// Name        type    meaning
// activate    b       swap it in when it is verified (true)
// confirm     b       confirm it as soon as it runs (false)
// force       b       although the device rejected it before (false)
// name        s       the model's name (the one it was added with)
// version     s       its version (from its digest)
// hardware    s       only for devices of this hardware
// labels      as      names of the classes
// settings    a{sv}   strings kept beside the model
// self-test   s       the text of a self-test file
// confirm-after u     confirmed by the device after so many healthy inferences (0: not)
// warm-up     u       inferences that do not count yet
// attempts    y       prepares it gets before it is confirmed (3)
// counter     t       against going back to older packages
// retry-for   u       seconds without progress after which the job fails (a day)
//
// False with a sentence for an option that is not in this list, has another type, or is out of range.
bool parse_deploy(const dbus::Dict& given, DeployArguments* arguments, std::string* error);

}  // namespace roost::host::daemon
