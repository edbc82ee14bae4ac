// A test double of org.bluez on a private bus, in front of simulated devices (the tunnel's sockets): what
// bluetoothd 5.66 offers a central, as it was seen to behave, and every misbehaviour on demand. Lives in the test's
// own loop, or in the program tests/bluez/bluez_double for tests of whole programs.
//
//   BluezDouble bluez(loop, bus.address());
//   bluez.add_device({.address = "C0:FF:EE:00:00:01", .name = "left", .socket = path});
//   bluez.fault("Device1.Connect", {.error = "org.bluez.Error.Failed", .text = "le-connection-abort-by-local"});
//
// Like the real one it cuts data at 512 bytes, reads the write descriptor at once and queues without bound, refuses
// WriteValue while the descriptor is out, and announces objects before ServicesResolved (unless told otherwise).
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/dbus/object_server.h"
#include "host/loopback_link.h"

namespace roost::test {

class BluezDouble {
 public:
  struct Fault {
    std::string error = {};  // its D-Bus name; empty: the call succeeds, late
    std::string text = {};
    uint32_t delay_ms = 0;
    bool silent = false;  // no answer at all
    int times = 1;        // how often; -1: always
  };
  struct DeviceOptions {
    std::string address = {};
    std::string name = {};
    std::string socket = {};  // of the simulated device
    std::vector<uint8_t> service_data = {};
    int16_t rssi = -50;
    bool known = false;  // there before any discovery
    bool paired = false;
    bool roost = true;         // false: some other kind of device
    bool stale_cache = false;  // the services remembered are not Roost's, until the device is removed
    bool pairing_needed = false;
    // What Pair asks the caller's agent: RequestConfirmation, RequestAuthorization, RequestPasskey, DisplayPasskey;
    // nothing: Just Works. 123456 is the passkey; an agent's wrong answer fails the pairing.
    std::string pairing_asks = {};
  };
  struct Options {
    bool adapter = true;
    bool powered = true;
    bool acquire = true;          // false: AcquireWrite and AcquireNotify are not supported
    uint32_t announce_ms = 5;     // from StartDiscovery to a device being found
    uint32_t resolve_ms = 5;      // from Connected to ServicesResolved
    bool resolved_first = false;  // ServicesResolved before the objects, and both before Connected
    uint16_t att_mtu_max = 517;
    bool mtu_exchanged_late = false;  // the objects are announced with an MTU of 23, and nothing corrects it
  };

  BluezDouble(host::Loop& loop, std::string bus_address) : BluezDouble(loop, std::move(bus_address), Options()) {}
  BluezDouble(host::Loop& loop, std::string bus_address, Options options);
  ~BluezDouble();

  void add_device(const DeviceOptions& options);
  // For the next calls of "Interface.Method", such as "Device1.Connect" or "GattCharacteristic1.AcquireWrite".
  void fault(const std::string& method, Fault fault);

  // What can happen in the middle of anything.
  void set_powered(bool on);
  void drop_link(const std::string& address);      // the radio link ends
  void forget_device(const std::string& address);  // the object vanishes, connected or not
  void stop();                                     // bluetoothd dies
  void start();                                    // and is there again, knowing only paired devices

  // How often each "Interface.Method" was called.
  int calls(const std::string& method) const {
    auto found = calls_.find(method);
    return found == calls_.end() ? 0 : found->second;
  }
  Options& options() { return options_; }
  bool discovering() const { return discovering_; }
  bool was_discovering_at_connect() const { return discovered_while_connecting_; }

 private:
  struct Device;

  void handle_gate(host::dbus::MethodCall call, host::dbus::ObjectServer::Proceed proceed);
  void export_adapter();
  void export_device(Device& device);
  void remove_device(Device& device);
  void announce_devices();
  void pair(Device& device, host::dbus::MethodCall call);
  void handle_agent_reply(Device& device, const host::dbus::Message& reply);
  void connect(Device& device, host::dbus::MethodCall call);
  void handle_connected(Device& device);
  void export_services(Device& device);
  void remove_services(Device& device);
  void end_link(Device& device);
  void acquire(Device& device, bool notify, host::dbus::MethodCall call);
  void handle_data(Device& device);
  void flush(Device& device);
  void notify(Device& device, Bytes value);
  void write_value(Device& device, const std::string& which, host::dbus::MethodCall call);
  std::vector<host::dbus::Interface> characteristic(Device& device, const std::string& which);
  void changed(Device& device, const std::vector<std::string>& names);

  host::Loop& loop_;
  const std::string bus_address_;
  Options options_;
  std::unique_ptr<host::dbus::Connection> bus_;
  std::unique_ptr<host::dbus::ObjectServer> server_;
  std::map<std::string, std::unique_ptr<Device>> devices_;  // by address
  std::multimap<std::string, Fault> faults_;
  std::map<std::string, int> calls_;
  std::list<host::Loop::Source> delayed_;
  host::dbus::PendingCall naming_;
  host::Loop::Source announcing_;
  std::string agent_owner_, agent_path_;
  bool discovering_ = false;
  bool discovered_while_connecting_ = false;
};

}  // namespace roost::test
