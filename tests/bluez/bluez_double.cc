#include "tests/bluez/bluez_double.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

#include "host/bluez/names.h"
#include "protocol/uuids.h"

namespace roost::test {

using host::LinkError;
using host::LinkEvents;
using host::Loop;
using host::LoopbackLink;
using host::dbus::Connection;
using host::dbus::Dict;
using host::dbus::Interface;
using host::dbus::MethodCall;
using host::dbus::ObjectPath;
using host::dbus::ObjectServer;
using host::dbus::UniqueFd;
using host::dbus::Value;
using namespace host::bluez;  // NOLINT: names.h only

namespace {

constexpr char kAdapterPath[] = "/org/bluez/hci0";
constexpr uint32_t kPasskey = 123456;
constexpr size_t kDatagramBytesMax = 512;  // bluetoothd cuts here
const char* const kCharacteristics[] = {"info", "control", "data"};

std::string path_of(std::string address) {
  std::replace(address.begin(), address.end(), ':', '_');
  return std::string(kAdapterPath) + "/dev_" + address;
}

void set_non_blocking_pair(int (&ends)[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::runtime_error("socketpair failed");
  }
}

const char* uuid_of(const std::string& which) {
  return which == "info" ? protocol::kInfoUuid : which == "control" ? protocol::kControlUuid : protocol::kDataUuid;
}

std::vector<std::string> flags_of(const std::string& which) {
  if (which == "info") return {"read"};
  if (which == "control") return {"write", "notify"};
  return {"write-without-response"};
}

}  // namespace

struct BluezDouble::Device {
  DeviceOptions options;
  std::string path;
  bool visible = false;  // has an object
  bool heard = false;
  bool connected = false;
  bool resolved = false;
  bool services = false;
  bool paired = false;
  bool trusted = false;
  bool notifying = false;
  std::unique_ptr<LoopbackLink> link;
  std::unique_ptr<MethodCall> connecting, pairing;
  host::dbus::PendingCall asking;
  UniqueFd data_fd, notify_fd;
  Loop::Source data_watch, notify_watch;
  Loop::Source resolving;
  std::deque<std::vector<uint8_t>> queue;
  host::dbus::ByteString last_notified;

  std::string service_path() const { return path + "/service0010"; }
  std::string path_to(const std::string& which) const {
    return service_path() + (which == "info" ? "/char0011" : which == "control" ? "/char0013" : "/char0016");
  }
};

BluezDouble::BluezDouble(Loop& loop, std::string bus_address, Options options)
    : loop_(loop), bus_address_(std::move(bus_address)), options_(options) {
  start();
}

BluezDouble::~BluezDouble() {
  stop();
}

// ---- the daemon itself

void BluezDouble::start() {
  std::string error;
  bus_ = Connection::open(loop_, bus_address_, &error);
  if (!bus_) throw std::runtime_error(error);
  server_ = std::make_unique<ObjectServer>(*bus_, "/");
  server_->set_gate(
      [this](MethodCall call, ObjectServer::Proceed proceed) { handle_gate(std::move(call), std::move(proceed)); });
  server_->add("/org/bluez",
               {{.name = kAgentManager,
                 .methods = {{"RegisterAgent",
                              {{"agent", "o"}, {"capability", "s"}},
                              {},
                              [this](MethodCall call) {
                                ObjectPath path;
                                (void)call.message().read(&path);
                                agent_owner_ = call.message().sender();
                                agent_path_ = path.text;
                                call.reply();
                              }},
                             {"RequestDefaultAgent", {{"agent", "o"}}, {}, [](MethodCall call) { call.reply(); }},
                             {"UnregisterAgent", {{"agent", "o"}}, {}, [](MethodCall call) { call.reply(); }}}}});
  if (options_.adapter) export_adapter();
  for (auto& [address, device] : devices_) {
    if (device->options.known || device->paired) export_device(*device);
  }
  naming_ = bus_->request_name(kService, [](bool) {});
}

void BluezDouble::stop() {
  for (auto& [address, device] : devices_) {
    Device& gone = *device;
    const bool paired = gone.paired;
    const DeviceOptions options = gone.options;
    device = std::make_unique<Device>();
    device->options = options;
    device->path = path_of(address);
    device->paired = paired;
  }
  announcing_ = {};
  delayed_.clear();
  discovering_ = false;
  naming_.cancel();
  server_.reset();
  bus_.reset();
}

void BluezDouble::handle_gate(MethodCall call, ObjectServer::Proceed proceed) {
  const std::string interface = call.message().interface();
  const std::string method = interface.substr(interface.rfind('.') + 1) + "." + call.message().member();
  ++calls_[method];
  auto found = faults_.find(method);
  if (found == faults_.end()) return proceed(std::move(call));
  const Fault fault = found->second;
  if (found->second.times > 0 && --found->second.times == 0) faults_.erase(found);
  auto held = std::make_shared<MethodCall>(std::move(call));
  if (fault.silent) {
    delayed_.push_back(loop_.after(600000, [held] {}));  // until the daemon stops, which answers nothing either
    return;
  }
  auto answer = [held, fault, proceed] {
    if (fault.error.empty()) return proceed(std::move(*held));
    held->fail(fault.error, fault.text);
  };
  if (fault.delay_ms == 0) return answer();
  delayed_.push_back(loop_.after(fault.delay_ms, answer));
}

void BluezDouble::fault(const std::string& method, Fault fault) {
  faults_.emplace(method, std::move(fault));
}

// ---- the adapter

void BluezDouble::export_adapter() {
  auto reply = [](MethodCall call) { call.reply(); };
  server_->add(kAdapterPath,
               {{.name = kAdapter,
                 .methods = {{"SetDiscoveryFilter", {{"properties", "a{sv}"}}, {}, reply},
                             {"StartDiscovery",
                              {},
                              {},
                              [this](MethodCall call) {
                                if (!options_.powered)
                                  return call.fail("org.bluez.Error.NotReady", "Resource Not Ready");
                                discovering_ = true;
                                announcing_ = loop_.after(options_.announce_ms, [this] { announce_devices(); });
                                call.reply();
                              }},
                             {"StopDiscovery",
                              {},
                              {},
                              [this](MethodCall call) {
                                if (!discovering_)
                                  return call.fail("org.bluez.Error.Failed", "No discovery started");
                                discovering_ = false;
                                announcing_ = {};
                                for (auto& [address, device] : devices_) {
                                  device->heard = false;
                                  changed(*device, {"RSSI"});
                                }
                                call.reply();
                              }},
                             {"RemoveDevice",
                              {{"device", "o"}},
                              {},
                              [this](MethodCall call) {
                                ObjectPath path;
                                (void)call.message().read(&path);
                                for (auto& [address, device] : devices_) {
                                  if (device->path != path.text) continue;
                                  device->options.stale_cache = false;
                                  device->paired = false;
                                  forget_device(address);
                                  return call.reply();
                                }
                                call.fail("org.bluez.Error.DoesNotExist", "Does Not Exist");
                              }}},
                 .properties = {{"Address", "s", [] { return Value(std::string("00:AA:01:00:00:00")); }},
                                {"Powered", "b", [this] { return Value(options_.powered); },
                                 [this](const Value& value, std::string*) {
                                   set_powered(std::get<bool>(value));
                                   return true;
                                 }},
                                {"Discovering", "b", [this] { return Value(discovering_); }}}}});
}

void BluezDouble::set_powered(bool on) {
  options_.powered = on;
  if (!on) {
    discovering_ = false;
    for (auto& [address, device] : devices_) end_link(*device);
  }
  if (server_) server_->changed(kAdapterPath, kAdapter, {"Powered"});
}

void BluezDouble::announce_devices() {
  for (auto& [address, device] : devices_) {
    device->heard = true;
    if (!device->visible) {
      export_device(*device);
    } else {
      changed(*device, {"RSSI"});
    }
  }
}

// ---- devices

void BluezDouble::add_device(const DeviceOptions& options) {
  auto device = std::make_unique<Device>();
  device->options = options;
  device->path = path_of(options.address);
  device->paired = options.paired;
  Device& added = *device;
  devices_[options.address] = std::move(device);
  if (options.known) export_device(added);
  if (discovering_) announcing_ = loop_.after(options_.announce_ms, [this] { announce_devices(); });
}

void BluezDouble::changed(Device& device, const std::vector<std::string>& names) {
  if (server_ && device.visible) server_->changed(device.path, kDevice, names);
}

void BluezDouble::export_device(Device& device) {
  device.visible = true;
  Interface interface { .name = kDevice };
  interface.methods = {{"Connect", {}, {}, [this, &device](MethodCall call) { connect(device, std::move(call)); }},
                       {"Disconnect",
                        {},
                        {},
                        [this, &device](MethodCall call) {
                          end_link(device);
                          call.reply();
                        }},
                       {"Pair", {}, {}, [this, &device](MethodCall call) { pair(device, std::move(call)); }},
                       {"CancelPairing", {}, {}, [](MethodCall call) { call.reply(); }}};
  interface.properties = {{"Address", "s", [&device] { return Value(device.options.address); }},
                          {"Alias", "s", [&device] { return Value(device.options.name); }},
                          {"Name", "s", [&device] { return Value(device.options.name); }},
                          {"Adapter", "o", [] { return Value(ObjectPath(kAdapterPath)); }},
                          {"Connected", "b", [&device] { return Value(device.connected); }},
                          {"Paired", "b", [&device] { return Value(device.paired); }},
                          {"Trusted", "b", [&device] { return Value(device.trusted); },
                           [this, &device](const Value& value, std::string*) {
                             device.trusted = std::get<bool>(value);
                             changed(device, {"Trusted"});
                             return true;
                           }},
                          {"ServicesResolved", "b", [&device] { return Value(device.resolved); }},
                          {"RSSI", "n", [&device] { return device.heard ? Value(device.options.rssi) : Value(); }},
                          {"UUIDs", "as",
                           [&device] {
                             std::vector<std::string> uuids;
                             if (device.options.roost) uuids.push_back(protocol::kServiceUuid);
                             return Value(uuids);
                           }},
                          {"ServiceData", "a{sv}", [&device] {
                             if (device.options.service_data.empty()) return Value();
                             return Value(Dict{{protocol::kServiceUuid, device.options.service_data}});
                           }}};
  server_->add(device.path, {interface});
}

void BluezDouble::remove_device(Device& device) {
  if (!device.visible) return;
  device.visible = false;
  server_->remove(device.path);
}

void BluezDouble::forget_device(const std::string& address) {
  Device& device = *devices_.at(address);
  end_link(device);
  remove_device(device);
  if (discovering_) announcing_ = loop_.after(options_.announce_ms, [this] { announce_devices(); });
}

void BluezDouble::drop_link(const std::string& address) {
  end_link(*devices_.at(address));
}

void BluezDouble::pair(Device& device, MethodCall call) {
  if (device.paired) return call.fail("org.bluez.Error.AlreadyExists", "Already Exists");
  const std::string& asks = device.options.pairing_asks;
  if (asks.empty()) {
    device.paired = true;
    changed(device, {"Paired"});
    return call.reply();
  }
  host::dbus::Message question = host::dbus::Message::call(agent_owner_, agent_path_, kAgent, asks);
  if (asks == "RequestConfirmation") {
    question.append(ObjectPath(device.path), kPasskey);
  } else if (asks == "DisplayPasskey") {
    question.append(ObjectPath(device.path), kPasskey, uint16_t{0});
  } else {
    question.append(ObjectPath(device.path));
  }
  device.pairing = std::make_unique<MethodCall>(std::move(call));
  device.asking = bus_->call(
      question, 5000, [this, &device](const host::dbus::Message& reply) { handle_agent_reply(device, reply); });
}

void BluezDouble::handle_agent_reply(Device& device, const host::dbus::Message& reply) {
  auto call = std::exchange(device.pairing, nullptr);
  uint32_t passkey = 0;
  if (reply.is_error()) return call->fail("org.bluez.Error.AuthenticationRejected", "Authentication Rejected");
  if (device.options.pairing_asks == "RequestPasskey" && (!reply.read(&passkey) || passkey != kPasskey)) {
    return call->fail("org.bluez.Error.AuthenticationFailed", "Authentication Failed");
  }
  device.paired = true;
  changed(device, {"Paired"});
  call->reply();
}

void BluezDouble::connect(Device& device, MethodCall call) {
  discovered_while_connecting_ |= discovering_;
  if (!options_.powered) return call.fail("org.bluez.Error.NotReady", "Resource Not Ready");
  if (device.connected) return call.fail("org.bluez.Error.AlreadyConnected", "Already Connected");
  if (device.connecting) return call.fail("org.bluez.Error.InProgress", "In Progress");
  device.connecting = std::make_unique<MethodCall>(std::move(call));
  device.link = std::make_unique<LoopbackLink>(loop_, device.options.socket);
  LinkEvents events;
  events.connected = [this, &device] { handle_connected(device); };
  events.closed = [this, &device](LinkError, const std::string&) {
    if (auto connecting = std::move(device.connecting)) {
      return connecting->fail("org.bluez.Error.Failed", "le-connection-abort-by-local");
    }
    end_link(device);
  };
  events.notification = [this, &device](Bytes value) { notify(device, value); };
  events.writable = [this, &device] { flush(device); };
  device.link->connect(std::move(events));
}

void BluezDouble::handle_connected(Device& device) {
  device.connected = true;
  if (options_.resolved_first) {
    device.resolved = true;
    changed(device, {"ServicesResolved"});
  }
  if (auto connecting = std::move(device.connecting)) connecting->reply();
  if (!options_.resolved_first) changed(device, {"Connected"});
  device.resolving = loop_.after(options_.resolve_ms, [this, &device] {
    export_services(device);
    device.resolved = true;
    changed(device, {"ServicesResolved", "Connected"});
  });
}

void BluezDouble::end_link(Device& device) {
  device.resolving = {};
  device.data_watch = {};
  device.notify_watch = {};
  device.data_fd.reset();
  device.notify_fd.reset();
  device.queue.clear();
  device.notifying = false;
  if (device.link) device.link->disconnect();
  if (auto connecting = std::move(device.connecting)) {
    connecting->fail("org.bluez.Error.Failed", "le-connection-abort-by-local");
  }
  if (!device.connected) return;
  device.connected = device.resolved = false;
  changed(device, {"ServicesResolved"});
  if (!device.paired) remove_services(device);
  changed(device, {"Connected"});
}

// ---- GATT

void BluezDouble::export_services(Device& device) {
  if (device.services || !device.options.roost || device.options.stale_cache) return;
  device.services = true;
  server_->add(device.service_path(),
               {{.name = kGattService,
                 .properties = {{"UUID", "s", [] { return Value(std::string(protocol::kServiceUuid)); }},
                                {"Device", "o", [&device] { return Value(ObjectPath(device.path)); }},
                                {"Primary", "b", [] { return Value(true); }}}}});
  for (const char* which : kCharacteristics) server_->add(device.path_to(which), characteristic(device, which));
}

void BluezDouble::remove_services(Device& device) {
  if (!device.services) return;
  device.services = false;
  for (const char* which : kCharacteristics) server_->remove(device.path_to(which));
  server_->remove(device.service_path());
}

std::vector<Interface> BluezDouble::characteristic(Device& device, const std::string& which) {
  Interface interface { .name = kCharacteristic };
  interface.methods = {{"ReadValue",
                        {{"options", "a{sv}"}},
                        {{"value", "ay"}},
                        [&device](MethodCall call) {
                          auto held = std::make_shared<MethodCall>(std::move(call));
                          if (!device.link || !device.connected)
                            return held->fail("org.bluez.Error.Failed", "Not connected");
                          if (device.options.pairing_needed && !device.paired) {
                            return held->fail("org.bluez.Error.NotPermitted", "Not paired");
                          }
                          (void)device.link->read_info([held](Bytes value) { held->reply(value); });
                        }},
                       {"WriteValue",
                        {{"value", "ay"}, {"options", "a{sv}"}},
                        {},
                        [this, &device, which](MethodCall call) { write_value(device, which, std::move(call)); }},
                       {"AcquireWrite",
                        {{"options", "a{sv}"}},
                        {{"fd", "h"}, {"mtu", "q"}},
                        [this, &device](MethodCall call) { acquire(device, false, std::move(call)); }},
                       {"AcquireNotify",
                        {{"options", "a{sv}"}},
                        {{"fd", "h"}, {"mtu", "q"}},
                        [this, &device](MethodCall call) { acquire(device, true, std::move(call)); }},
                       {"StartNotify",
                        {},
                        {},
                        [&device](MethodCall call) {
                          device.notifying = true;
                          call.reply();
                        }},
                       {"StopNotify", {}, {}, [&device](MethodCall call) {
                          device.notifying = false;
                          call.reply();
                        }}};
  interface.properties = {
      {"UUID", "s", [which] { return Value(std::string(uuid_of(which))); }},
      {"Service", "o", [&device] { return Value(ObjectPath(device.service_path())); }},
      {"Flags", "as", [which] { return Value(flags_of(which)); }},
      {"MTU", "q",
       [this, &device] {
         if (options_.mtu_exchanged_late && !device.notifying) return Value(uint16_t{23});
         return device.link ? Value(std::min(device.link->att_mtu(), options_.att_mtu_max)) : Value();
       }},
      {"Value", "ay", [&device, which] { return which == "control" ? Value(device.last_notified) : Value(); }}};
  return {interface};
}

void BluezDouble::acquire(Device& device, bool notify, MethodCall call) {
  if (!options_.acquire) return call.fail("org.bluez.Error.NotSupported", "Operation is not supported");
  if (!device.connected) return call.fail("org.bluez.Error.Failed", "Not connected");
  if (device.options.pairing_needed && !device.paired) {
    return call.fail("org.bluez.Error.NotPermitted", "Not paired");
  }
  UniqueFd& ours = notify ? device.notify_fd : device.data_fd;
  if (ours) return call.fail("org.bluez.Error.NotPermitted", notify ? "Notify acquired" : "Write acquired");
  int ends[2];
  set_non_blocking_pair(ends);
  ours.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  if (notify) {
    device.notify_watch = loop_.watch(ours.get(), EPOLLHUP, [&device](uint32_t) {
      device.notify_watch = {};
      device.notify_fd.reset();
    });
  } else {
    device.data_watch = loop_.watch(ours.get(), EPOLLIN, [this, &device](uint32_t) { handle_data(device); });
  }
  call.reply(theirs, std::min(device.link->att_mtu(), options_.att_mtu_max));
}

// Everything at once, as bluetoothd does; what the link cannot take yet is queued without bound.
void BluezDouble::handle_data(Device& device) {
  uint8_t buffer[kDatagramBytesMax];
  for (;;) {
    const ssize_t size = recv(device.data_fd.get(), buffer, sizeof buffer, 0);
    if (size < 0) break;
    if (size == 0) {
      device.data_watch = {};
      device.data_fd.reset();
      break;
    }
    device.queue.emplace_back(buffer, buffer + size);
  }
  flush(device);
}

void BluezDouble::flush(Device& device) {
  while (!device.queue.empty()) {
    if (device.link->write_data(device.queue.front()).error() == LinkError::kWouldBlock) return;
    device.queue.pop_front();
  }
}

void BluezDouble::notify(Device& device, Bytes value) {
  if (device.notify_fd) {
    (void)::send(device.notify_fd.get(), value.data(), value.size(), MSG_NOSIGNAL);
  } else if (device.notifying) {
    device.last_notified.assign(value.begin(), value.end());
    server_->changed(device.path_to("control"), kCharacteristic, {"Value"});
  }
}

void BluezDouble::write_value(Device& device, const std::string& which, MethodCall call) {
  host::dbus::ByteString value;
  Dict options;
  (void)call.message().read(&value, &options);
  if (!device.connected) return call.fail("org.bluez.Error.Failed", "Not connected");
  if (which == "control") {
    if (!device.link->write_control(value).ok())
      return call.fail("org.bluez.Error.InvalidArguments", "Invalid Length");
    return call.reply();
  }
  if (device.data_fd) return call.fail("org.bluez.Error.NotPermitted", "Write acquired");
  device.queue.push_back(value);
  flush(device);
  call.reply();
}

}  // namespace roost::test
