// A real BLE radio for the Linux device: registers the Roost service and its advertisement with bluetoothd, and
// turns what comes into Peripheral callbacks. Survives bluetoothd restarting and the adapter being power-cycled:
// what was registered is registered again, and every central is reported gone.
//
//   BluezPeripheral radio(options, peripheral);
//   if (!radio.start(&error)) ...
//   for (;;) { radio.wait(timeout_ms); agent.poll(now); }
//
// What bluetoothd's GATT server cannot do: it hands out one descriptor for all centrals' data, and one for
// notifications to all of them. While two centrals are connected data comes by D-Bus calls, which name the central;
// a notification reaches every subscriber, which the epoch in our frames makes harmless.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "device/ports/linux/radio.h"
#include "host/bluez/agent.h"
#include "host/bluez/object_tree.h"
#include "host/dbus/object_server.h"
#include "host/loop.h"

namespace roost::device {

class BluezPeripheral final : public Radio {
 public:
  struct Options {
    std::string bus = "system";  // or a D-Bus address
    std::string adapter = "hci0";
    std::string name = "roost";
    bool encrypted = false;  // every access wants an encrypted link
    // Who may pair: nobody is asked here, so either anybody, or who can type the passkey that we say.
    enum class Pairing { kNone, kJustWorks, kPasskey } pairing = Pairing::kNone;
    uint16_t att_mtu_max = 517;  // what we admit to; for trying a small MTU where the controllers offer a large one
    std::function<void(const std::string&)> log;  // sentences for people
  };

  // Borrows the peripheral.
  BluezPeripheral(Options options, Peripheral& peripheral);
  ~BluezPeripheral() override;

  // Connects to the bus; bluetoothd and the adapter may come later. False with a sentence when there is no bus.
  bool start(std::string* error);
  void wait(uint32_t timeout_ms) override;
  bool notify(uint16_t conn, Bytes value) override;

  // Registered and advertising at this moment.
  bool advertising() const { return advertising_; }

 private:
  struct Central {
    uint16_t conn = 0;
    uint16_t att_mtu = 23;
    bool subscribed = false;
    host::dbus::ByteString info;  // latched when read at offset 0
  };
  // A descriptor that bluetoothd writes to or reads from.
  struct Channel {
    host::dbus::UniqueFd fd;
    host::Loop::Source watch;
    std::string device;  // for data: whose it is
  };

  // The service data with everything else, or in an advertisement of its own.
  enum class Layout { kOne, kTwo };

  void export_objects();
  void export_advertisement();
  std::vector<host::dbus::Interface> characteristic(const std::string& path, const char* uuid,
                                                    std::vector<std::string> flags);
  void handle_change(const host::bluez::ObjectTree::Change& change);
  void start_agent();
  void set_adapter(const char* property, const host::dbus::Value& value);
  void name_adapter();
  void look_at_adapter();
  void register_application();
  void renew_advertisement();
  void register_advertisement(Layout layout);
  void register_state();
  void handle_advertised(const std::string& how);
  void call_advertising(const char* method, const char* path, std::function<void(const host::dbus::Message&)> done);
  void advertise_later();
  void say_refusal(const std::string& sentence);
  uint32_t next_again_ms();
  void refresh_advertisement();

  Central& central_of(const host::dbus::Dict& options);
  void offer_data_descriptor();
  void drop_central(const std::string& device);
  void drop_all();
  void subscribe_all(bool on);

  void handle_read(host::dbus::MethodCall call);
  void handle_write(bool control, host::dbus::MethodCall call);
  void handle_acquire(bool data, host::dbus::MethodCall call);
  void handle_data_ready(uint32_t events);
  void say(const std::string& sentence);

  const Options options_;
  Peripheral& peripheral_;
  const std::string adapter_path_;
  host::Loop loop_;
  std::unique_ptr<host::dbus::Connection> bus_;
  std::unique_ptr<host::dbus::ObjectServer> application_;
  std::unique_ptr<host::dbus::ObjectServer> advertisement_;
  std::unique_ptr<host::bluez::ObjectTree> tree_;
  std::unique_ptr<host::bluez::UnattendedDialog> dialog_;
  std::unique_ptr<host::bluez::PairingAgent> agent_;
  host::bluez::ObjectTree::Observation observation_;
  host::dbus::PendingCall registering_, advertising_call_;
  host::Loop::Source again_;
  uint32_t again_ms_;
  std::string refusal_;  // as it was last said
  enum class AdapterState { kUnknown, kReady, kNotReady } adapter_ = AdapterState::kUnknown;
  bool registered_ = false;
  bool advertising_ = false;
  Layout layout_ = Layout::kOne;
  uint32_t advertisement_read_ms_ = 0;
  host::dbus::ByteString advertised_;
  std::string local_name_;
  std::optional<std::string> former_alias_;  // of the adapter, before it got our name
  uint16_t next_conn_ = 1;
  std::map<std::string, Central> centrals_;  // by bluetoothd's object path
  Channel data_, notify_;
  bool notifying_ = false;
  host::dbus::ByteString last_value_;
};

}  // namespace roost::device
