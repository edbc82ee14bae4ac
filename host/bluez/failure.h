// What bluetoothd's errors mean for people: one sentence each, with what to do, and whether trying again helps.
#pragma once

#include <string>

#include "host/bluez/object_tree.h"
#include "host/link.h"

namespace roost::host::bluez {

struct Failure {
  enum class Retry { kNever, kAgain, kStaleCache };
  LinkError error = LinkError::kSystem;
  std::string sentence;
  Retry retry = Retry::kNever;
};

// `doing` is what was asked for: "connecting to left-hand". `reply` is the error that bluetoothd answered.
Failure explain(const dbus::Message& reply, const std::string& doing);

// Why bluetoothd itself cannot be talked to.
Failure explain_absence(const ObjectTree& tree);

// What is wrong with the adapter, or kNone in `error` when it can be used. `adapter` is "hci0", or empty for the
// first one; its object path goes to `path`. `rfkill_folder` is /sys/class/rfkill outside of tests.
Failure check_adapter(const ObjectTree& tree, const std::string& adapter, std::string* path,
                      const std::string& rfkill_folder = "/sys/class/rfkill");

}  // namespace roost::host::bluez
