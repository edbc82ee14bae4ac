// Discovery on one adapter, filtered to the Roost service. bluetoothd counts discoveries per bus connection: stop
// it before connecting, since a scan at the same time makes connecting fail.
#pragma once

#include <functional>
#include <string>

#include "host/bluez/failure.h"
#include "host/bluez/object_tree.h"

namespace roost::host::bluez {

class Discovery {
 public:
  // Borrows the tree, through which what is found shows up.
  explicit Discovery(ObjectTree& tree) : tree_(tree) {}
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // `failed` is called once if bluetoothd refuses. With `roost_only` false everything in the air is found: for a
  // name whose device advertises nothing else.
  void start(const std::string& adapter_path, bool roost_only, std::function<void(const Failure&)> failed);
  // `stopped` is called from the loop when bluetoothd has stopped, or when there was nothing to stop.
  void stop(std::function<void()> stopped);
  bool running() const { return running_; }

 private:
  void send_start();
  void send_stop(std::function<void()> stopped);
  void arm_restart();
  ObjectTree& tree_;
  std::string adapter_path_;
  bool running_ = false;
  std::function<void(const Failure&)> failed_;
  Loop::Source restart_;
  dbus::PendingCall pending_;
  Loop::Source soon_;
};

}  // namespace roost::host::bluez
