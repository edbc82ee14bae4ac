// Where the daemon's links come from: one mirror of bluetoothd for all of them, and the sockets of simulated devices.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/bluez/bluez_link.h"
#include "host/bluez/scan.h"
#include "host/daemon/arbiter.h"
#include "host/daemon/records.h"
#include "host/daemon/worker.h"

namespace roost::host::daemon {

class Links {
 public:
  // Borrows both. `bus` is where bluetoothd is.
  Links(dbus::Connection& bus, Worker& worker);

  // A link to where the device was last; with `by_id`, to wherever in the air the one with its id is. Null with the
  // outcome when the address makes no sense.
  std::unique_ptr<Link> open(const DeviceRecord& device, bool by_id, Outcome* outcome);

  // Whose air that address takes; empty for a simulated device, which takes none.
  std::string adapter_of(const std::string& address) const;
  AirArbiter& arbiter() { return arbiter_; }
  bluez::ObjectTree& tree() { return tree_; }
  Loop& loop() const { return bus_.loop(); }

  // Devices in reach, for `duration_ms`; one scan at a time is listened to by all who ask meanwhile. The outcome
  // tells why Bluetooth was not looked at, if so.
  using Scanned = std::function<void(const Outcome& outcome, const std::vector<Sighting>& found)>;
  void scan(uint32_t duration_ms, Scanned scanned);

 private:
  void finish_scan();

  struct Scanning {
    std::vector<Scanned> listeners;
    std::vector<Sighting> found;
    Outcome outcome;
    int parts = 0;  // still under way: the sockets, the air
    AirArbiter::Turn turn;
    std::unique_ptr<bluez::Scan> scan;
  };

  dbus::Connection& bus_;
  Worker& worker_;
  AirArbiter arbiter_;
  bluez::ObjectTree tree_;
  Scanning scanning_;
};

}  // namespace roost::host::daemon
