// What the daemon says of its work. On a terminal: lines on stderr. Under systemd: journal entries, those about a job
// or a device with fields to find them by:
//
//   journalctl -u roostd ROOST_JOB=17
//   journalctl -u roostd ROOST_DEVICE=3b1c...      # its id; its address before it was met
#pragma once

#include <cstdint>
#include <string>

#include "host/daemon/records.h"

namespace roost::host::daemon {

void set_up_log(bool verbose);

// `number` 0: about the device only. `device` null: it is not known any more.
void log_job(int64_t number, const DeviceRecord* device, const std::string& text);

}  // namespace roost::host::daemon
