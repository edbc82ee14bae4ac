// A Link over the real BlueZ stack: a device near an adapter of this computer, through bluetoothd.
//
//   auto bus = dbus::Connection::open(loop, "system", &error);
//   bluez::ObjectTree tree(*bus);
//   BluezLink link(tree, bluez::Target::parse("left-hand"));
//
// Values are at most att_mtu() - 3 and never over 510 bytes: bluetoothd loses longer ones silently.
#pragma once

#include <memory>
#include <string>

#include "host/bluez/connector.h"
#include "host/bluez/gatt_channel.h"
#include "host/link.h"

namespace roost::host {

class BluezLink final : public Link {
 public:
  struct Options {
    bluez::ConnectOptions connect;
    bool use_descriptors = true;  // false: one D-Bus call a write, for comparison
    int commands_max = 16;        // so many of these are under way at once
    // The device id in an Info value, as 32 lower-case hexadecimal digits; needed for targets of that kind.
    std::function<std::string(Bytes info)> device_id_of;
  };

  // Borrows the tree, which must outlive the link.
  BluezLink(bluez::ObjectTree& tree, bluez::Target target, Options options);
  BluezLink(bluez::ObjectTree& tree, bluez::Target target) : BluezLink(tree, std::move(target), Options()) {}
  ~BluezLink() override;

  void connect(LinkEvents events) override;
  void disconnect() override;
  uint16_t att_mtu() const override { return channel_ ? channel_->att_mtu() : 23; }
  LinkStatus read_info(std::function<void(Bytes)> done) override;
  LinkStatus write_control(Bytes value) override;
  LinkStatus write_data(Bytes value) override;
  CallCounts calls() const override { return counts_; }

  // The device as bluetoothd calls it, once found.
  std::string label() const { return connector_.label(); }

 private:
  enum class State { kClosed, kAwaitDevice, kAwaitOpen, kAwaitIdentity, kAwaitForgotten, kConnected };

  void open_channel(const std::string& device_path);
  void handle_open();
  void handle_failure(const bluez::Failure& failure);
  void forget_and_retry(const bluez::Failure& failure);
  void announce();
  void close_unread(const bluez::Failure& failure);
  void close(LinkError error, const std::string& why);
  void start_connector();

  bluez::ObjectTree& tree_;
  const bluez::Target target_;
  const Options options_;
  CallCounts counts_;
  State state_ = State::kClosed;
  LinkEvents events_;
  bluez::Connector connector_;
  std::unique_ptr<bluez::GattChannel> channel_;
  Loop::Source soon_;
  dbus::PendingCall pending_;
  bool forgotten_once_ = false;
  bool info_was_read_ = false;
  int lost_unread_ = 0;  // connections in a row that ended before Info was read
};

}  // namespace roost::host
