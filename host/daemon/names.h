// The daemon's names on D-Bus, shared by it and by its clients. The interfaces are described in README.md and by
// introspection.
#pragma once

#include <string>

#include "host/exit_code.h"

namespace roost::host::daemon {

inline constexpr char kBusName[] = "org.roost1";
inline constexpr char kRootPath[] = "/org/roost1";
inline constexpr char kDevicePaths[] = "/org/roost1/device/";
inline constexpr char kJobPaths[] = "/org/roost1/job/";
inline constexpr char kManagerInterface[] = "org.roost1.Manager";
inline constexpr char kDeviceInterface[] = "org.roost1.Device";
inline constexpr char kJobInterface[] = "org.roost1.Job";

// "org.roost1.Error.BadModel": the outcome of what a method did itself.
std::string error_name(ExitCode code);
// The exit code of such an error; kInternal for any other.
ExitCode exit_code_of(const std::string& error_name);

}  // namespace roost::host::daemon
