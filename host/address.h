// Where a device is: what --to takes, and what the daemon remembers of it.
#pragma once

#include <string>

namespace roost::host {

struct Address {
  enum class Kind {
    kInvalid,
    kSim,  // sim:PATH or sim:NAME: the socket of a simulated device
    kBle,  // ble:NAME, ble:ADDRESS, ble:DEVICE-ID, ble:hci1/...: over Bluetooth
  };
  Kind kind = Kind::kInvalid;
  std::string rest;  // kSim: the socket's path; kBle: what bluez::Target parses

  static Address parse(const std::string& text);
};

// The folder where simulated devices can be found: $ROOST_SIM_DIR, else $XDG_RUNTIME_DIR/roost, else
// /tmp/roost-UID.
std::string sim_directory();

}  // namespace roost::host
