// The Roost service of one connected device: finds the three characteristics, acquires the descriptors, and carries
// values. Where bluetoothd refuses a descriptor it falls back to one D-Bus call a write and to PropertiesChanged.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "host/bluez/connector.h"

namespace roost::host::bluez {

class GattChannel {
 public:
  struct Events {
    std::function<void()> ready;
    std::function<void(const Failure&)> failed;  // before `ready` or after; nothing comes after it
    std::function<void(Bytes)> notification;
    std::function<void()> writable;
  };

  // bluetoothd cuts a datagram at 512 bytes, and its server drops write commands above 510, both silently.
  static constexpr size_t kValueBytesMax = 510;
  // Borrows tree and counts. `use_descriptors` false: only D-Bus calls. With them `commands_max` values are
  // under way before write_data() says kWouldBlock.
  GattChannel(ObjectTree& tree, std::string device_path, std::string label, bool use_descriptors,
              size_t commands_max, CallCounts& counts);

  void open(Events events);
  uint16_t att_mtu() const { return att_mtu_; }
  // The Link contract's, once open.
  LinkStatus read_info(std::function<void(Bytes)> done);
  LinkStatus write_control(Bytes value);
  LinkStatus write_data(Bytes value);

 private:
  bool find_characteristics();
  std::string find_under(const std::string& parent, const char* interface, const char* uuid) const;
  void acquire_notify();
  void start_notify();
  void acquire_write();
  void finish_open();
  void announce_open();
  void handle_change(const ObjectTree::Change& change);
  void handle_notify_fd(uint32_t ready);
  void handle_data_fd(uint32_t ready);
  void fail(const Failure& failure);
  void fail_lost();
  void send_next_control();
  LinkStatus write_command(Bytes value);
  dbus::PendingCall call(const std::string& path, const std::string& member, const dbus::Dict& options,
                         dbus::Connection::Handler handler, const Bytes* value = nullptr);

  ObjectTree& tree_;
  const std::string device_path_;
  const std::string label_;
  const bool use_descriptors_;
  const size_t commands_max_;
  CallCounts& counts_;
  Events events_;
  bool await_objects_ = false;
  bool open_ = false;
  bool failed_ = false;
  uint16_t att_mtu_ = 23;
  std::string info_path_, control_path_, data_path_;
  ObjectTree::Observation observation_;
  Loop::Source timer_;
  dbus::PendingCall opening_;
  dbus::UniqueFd data_fd_, notify_fd_;
  Loop::Source data_watch_, notify_watch_;
  bool writable_wanted_ = false;
  std::deque<std::vector<uint8_t>> control_queue_;
  dbus::PendingCall control_under_way_;
  bool control_busy_ = false;
  std::map<uint64_t, dbus::PendingCall> commands_;
  std::map<uint64_t, dbus::PendingCall> reads_;
  uint64_t next_call_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace roost::host::bluez
