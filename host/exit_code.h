// How every `roost` command ends: a number for scripts and a sentence for people. host/README.md has the table.
#pragma once

#include <string>

namespace roost::host {

enum class ExitCode {
  kOk = 0,
  kInternal = 1,       // our own mistake, or the system's: the text says what
  kUsage = 2,          // bad arguments
  kBadModel = 3,       // not a model, or one that no device may run
  kDoesNotFit = 4,     // a good model, but too large for this device's slot, arena or scratch
  kRefused = 5,        // the device said no; the text has its reason
  kLinkLost = 6,       // not found, or the connection ended and resuming did not help
  kTimedOut = 7,       // the device stopped answering
  kRolledBack = 8,     // stored and verified, but the device went back to its previous model
  kFile = 9,           // a file on this machine could not be read or written
  kInterrupted = 130,  // by the user: as shells say it of SIGINT
};

struct Outcome {
  ExitCode code = ExitCode::kOk;
  std::string stage;     // connect, check, offer, send, verify, activate, confirm ...
  std::string sentence;  // what was wrong and what to do next; for kOk, what was achieved
  bool passing = false;  // the same again, later, may well succeed: the link, or the device's present state
};

// "ok", "bad_model", ...: the word for --json.
const char* exit_code_name(ExitCode code);

}  // namespace roost::host
