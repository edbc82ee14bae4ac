// Gets a device connected with its services resolved, whatever it takes within bounds: waits for bluetoothd,
// checks the adapter, finds the device, stops discovery, connects, waits for the services; and again with back-off
// where trying again helps. Ends in exactly one `ready` or `failed`, from the loop.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "host/bluez/discovery.h"
#include "host/bluez/target.h"

namespace roost::host::bluez {

struct ConnectOptions {
  uint32_t find_timeout_ms = 15000;    // for a device that bluetoothd does not know yet
  uint32_t relisten_ms = 4000;         // for a known one to be heard again, before another attempt
  uint32_t connect_timeout_ms = 6000;  // of one Connect; bluetoothd itself gives up after 20 to 40 s
  uint32_t resolve_timeout_ms = 15000;
  int attempts_max = 5;
  uint32_t backoff_first_ms = 300;  // doubles
  uint32_t backoff_max_ms = 4000;
  std::string rfkill_folder = "/sys/class/rfkill";
};

class Connector {
 public:
  using Ready = std::function<void(const std::string& device_path)>;
  using Failed = std::function<void(const Failure&)>;

  // Borrows tree and counts.
  Connector(ObjectTree& tree, Target target, ConnectOptions options, CallCounts& counts);

  void start(Ready ready, Failed failed);
  // Silences it; a connection that is there stays.
  void stop();
  // After `ready`: this is not the device that was meant; look for another.
  void skip();
  // After `ready`: the connection was of no use. Counts as an attempt; ends it if it is ours, and tries again or
  // fails.
  void retry(const Failure& failure);
  // Ends the connection, if there is one; a later start() waits until it has ended.
  void disconnect_device();
  // Only looks for the device and does not connect: for pairing.
  void find(Ready found, Failed failed);

  // Whether we made the connection; one that was there before may be another program's, at work.
  bool made_connection() const { return made_connection_; }
  const std::string& device_path() const { return device_path_; }
  // What to call the device in sentences.
  std::string label() const;

 private:
  enum class State {
    kIdle,
    kAwaitBegin,  // back-off, or as soon as the loop runs
    kAwaitBluetoothd,
    kAwaitDevice,
    kAwaitDiscoveryStopped,
    kAwaitDisconnected,  // whether a connection that is there is about to end
    kAwaitConnected,
    kAwaitResolved,
    kDone,
  };

  void begin();
  void look_for_device();
  std::optional<std::string> pick(bool heard_only);
  void found(const std::string& path);
  void connect();
  void send_connect();
  void await_resolved();
  void handle_change(const ObjectTree::Change& change);
  void fail_attempt(const Failure& failure);
  void finish_ready();
  void finish(const Failure& failure);
  void arm(uint32_t delay_ms, void (Connector::*handler)());
  void handle_find_timeout();
  void handle_resolve_timeout();

  ObjectTree& tree_;
  const Target target_;
  const ConnectOptions options_;
  CallCounts& counts_;
  State state_ = State::kIdle;
  bool find_only_ = false;
  bool disconnect_asked_ = false;
  bool made_connection_ = false;
  int attempts_ = 0;
  std::string adapter_path_;
  std::string device_path_;
  std::string label_;
  std::set<std::string> skipped_;
  Discovery discovery_;
  Loop::Source timer_;
  dbus::PendingCall pending_;
  ObjectTree::Observation observation_;
  Ready ready_;
  Failed failed_;
};

}  // namespace roost::host::bluez
