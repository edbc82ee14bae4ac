// Pairing as a person asks for it: `roost pair|unpair|trust`. Each ends in exactly one `done`, from the loop.
#pragma once

#include <functional>
#include <memory>

#include "host/bluez/agent.h"
#include "host/bluez/connector.h"

namespace roost::host::bluez {

class Pairing {
 public:
  using Done = std::function<void(const Failure&)>;  // kNone: it is done; the sentence says what

  // Borrows the tree. The agent, if any is needed, is registered by the caller before.
  Pairing(ObjectTree& tree, Target target, ConnectOptions options = {});

  // Finds the device, pairs, and trusts it (so that it may reconnect without being asked about).
  void pair(Done done);
  // Makes bluetoothd forget the device with its keys.
  void unpair(Done done);
  void trust(bool trusted, Done done);

 private:
  void set_trusted(bool trusted, const std::string& achieved);
  void finish(const Failure& failure);

  ObjectTree& tree_;
  const Target target_;
  CallCounts counts_;
  Connector connector_;
  dbus::PendingCall pending_;
  Done done_;
};

}  // namespace roost::host::bluez
