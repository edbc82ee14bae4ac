#include "host/exit_code.h"

namespace roost::host {

const char* exit_code_name(ExitCode code) {
  switch (code) {
    case ExitCode::kOk:
      return "ok";
    case ExitCode::kInternal:
      return "internal";
    case ExitCode::kUsage:
      return "usage";
    case ExitCode::kBadModel:
      return "bad_model";
    case ExitCode::kDoesNotFit:
      return "does_not_fit";
    case ExitCode::kRefused:
      return "refused";
    case ExitCode::kLinkLost:
      return "link_lost";
    case ExitCode::kTimedOut:
      return "timed_out";
    case ExitCode::kRolledBack:
      return "rolled_back";
    case ExitCode::kFile:
      return "file";
    case ExitCode::kInterrupted:
      return "interrupted";
  }
  return "internal";
}

}  // namespace roost::host
