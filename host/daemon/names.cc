#include "host/daemon/names.h"

namespace roost::host::daemon {

namespace {

struct Named {
  ExitCode code;
  const char* name;
};
constexpr Named kErrors[] = {
    {ExitCode::kUsage, "org.roost1.Error.InvalidArguments"}, {ExitCode::kBadModel, "org.roost1.Error.BadModel"},
    {ExitCode::kDoesNotFit, "org.roost1.Error.DoesNotFit"},  {ExitCode::kRefused, "org.roost1.Error.Refused"},
    {ExitCode::kLinkLost, "org.roost1.Error.LinkLost"},      {ExitCode::kTimedOut, "org.roost1.Error.TimedOut"},
    {ExitCode::kRolledBack, "org.roost1.Error.RolledBack"},  {ExitCode::kFile, "org.roost1.Error.File"},
    {ExitCode::kInterrupted, "org.roost1.Error.Cancelled"},  {ExitCode::kInternal, "org.roost1.Error.Failed"},
};

}  // namespace

std::string error_name(ExitCode code) {
  for (const Named& error : kErrors) {
    if (error.code == code) return error.name;
  }
  return "org.roost1.Error.Failed";
}

ExitCode exit_code_of(const std::string& name) {
  for (const Named& error : kErrors) {
    if (name == error.name) return error.code;
  }
  if (name == "org.roost1.Error.Busy") return ExitCode::kRefused;
  const bool names_something =
      name == "org.roost1.Error.UnknownDevice" || name == "org.roost1.Error.UnknownModel" ||
      name == "org.roost1.Error.AmbiguousDevice" || name == "org.freedesktop.DBus.Error.InvalidArgs";
  return names_something ? ExitCode::kUsage : ExitCode::kInternal;
}

}  // namespace roost::host::daemon
