#include "device/ports/bluez/bluez_peripheral.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "host/bluez/failure.h"
#include "host/bluez/names.h"
#include "protocol/uuids.h"

namespace roost::device {

using host::Loop;
using host::bluez::ObjectTree;
using host::dbus::ByteString;
using host::dbus::Dict;
using host::dbus::Interface;
using host::dbus::Message;
using host::dbus::MethodCall;
using host::dbus::ObjectPath;
using host::dbus::UniqueFd;
using host::dbus::Value;

namespace {

constexpr char kRoot[] = "/org/roost/device";
constexpr char kServicePath[] = "/org/roost/device/service0";
constexpr char kInfoPath[] = "/org/roost/device/service0/info";
constexpr char kControlPath[] = "/org/roost/device/service0/control";
constexpr char kDataPath[] = "/org/roost/device/service0/data";
constexpr char kAdvertisementRoot[] = "/org/roost/advertisement";
constexpr char kAdvertisementPath[] = "/org/roost/advertisement/device";
constexpr char kStatePath[] = "/org/roost/advertisement/state";
// What the service data may take where it has to fit an advertisement of 31 bytes, beside flags and UUID.
constexpr size_t kShortDataBytesMax = 10;

constexpr uint32_t kRegisterTimeoutMs = 10000;
// After a refusal or a Release, before service or advertisement are offered again; doubles with each refusal.
constexpr uint32_t kAgainFirstMs = 500;
constexpr uint32_t kAgainMaxMs = 8000;
// What runs is looked at so often for the advertisement.
constexpr uint32_t kRefreshMs = 1000;
constexpr size_t kValueBytesMax = 512;
constexpr int kDatagramsAtOnce = 8;
constexpr int kSocketBytes = 256 * 1024;

std::vector<std::string> info_flags(bool encrypted) {
  return encrypted ? std::vector<std::string>{"encrypt-read"} : std::vector<std::string>{"read"};
}
std::vector<std::string> control_flags(bool encrypted) {
  return encrypted ? std::vector<std::string>{"encrypt-write", "notify"}
                   : std::vector<std::string>{"write", "notify"};
}
std::vector<std::string> data_flags(bool encrypted) {
  std::vector<std::string> flags = {"write-without-response"};
  if (encrypted) flags.push_back("encrypt-write");
  return flags;
}

}  // namespace

BluezPeripheral::BluezPeripheral(Options options, Peripheral& peripheral)
    : options_(std::move(options)),
      peripheral_(peripheral),
      adapter_path_("/org/bluez/" + options_.adapter),
      again_ms_(kAgainFirstMs),
      local_name_(options_.name) {}

BluezPeripheral::~BluezPeripheral() {
  if (bus_ && adapter_ == AdapterState::kReady && former_alias_) set_adapter("Alias", Value(*former_alias_));
}

bool BluezPeripheral::start(std::string* error) {
  bus_ = host::dbus::Connection::open(loop_, options_.bus, error);
  if (!bus_) return false;
  bus_->on_lost([this] {
    drop_all();
    say("the message bus is gone; nobody can reach this device until it is started again");
  });
  export_objects();
  export_advertisement();
  tree_ = std::make_unique<ObjectTree>(*bus_);
  observation_ = tree_->observe([this](const ObjectTree::Change& change) { handle_change(change); });
  if (options_.pairing != Options::Pairing::kNone) start_agent();
  return true;
}

void BluezPeripheral::start_agent() {
  using host::bluez::PairingAgent;
  dialog_ = std::make_unique<host::bluez::UnattendedDialog>([this](const std::string& sentence) { say(sentence); });
  agent_ = std::make_unique<PairingAgent>(*tree_, *dialog_,
                                          options_.pairing == Options::Pairing::kPasskey
                                              ? PairingAgent::Capability::kDisplayOnly
                                              : PairingAgent::Capability::kNoInputNoOutput);
  agent_->register_with(true, [this](const host::bluez::Failure& failure) {
    if (failure.error != host::LinkError::kNone) say(failure.sentence);
  });
}

void BluezPeripheral::set_adapter(const char* property, const Value& value) {
  Message call = Message::call(host::bluez::kService, adapter_path_, host::bluez::kPropertiesInterface, "Set");
  bus_->send(call.append(host::bluez::kAdapter, property, value));
}

// A central that was connected once calls the device by its GAP name, which is the adapter's alias, and would not
// find it again by the name that is advertised. What the adapter was called before comes back at the end.
void BluezPeripheral::name_adapter() {
  const auto alias = host::bluez::property<std::string>(*tree_, adapter_path_, host::bluez::kAdapter, "Alias");
  if (alias == local_name_) return;
  if (!former_alias_) former_alias_ = alias;
  set_adapter("Alias", Value(local_name_));
}

void BluezPeripheral::wait(uint32_t timeout_ms) {
  loop_.run_for(timeout_ms);
  if (advertising_ && Loop::now_ms() - advertisement_read_ms_ >= kRefreshMs) refresh_advertisement();
}

void BluezPeripheral::say(const std::string& sentence) {
  if (options_.log) options_.log(sentence);
}

// ---- what bluetoothd sees of us

void BluezPeripheral::export_objects() {
  application_ = std::make_unique<host::dbus::ObjectServer>(*bus_, kRoot);
  application_->add(kServicePath,
                    {{.name = host::bluez::kGattService,
                      .properties = {{"UUID", "s", [] { return Value(std::string(protocol::kServiceUuid)); }},
                                     {"Primary", "b", [] { return Value(true); }}}}});
  application_->add(kInfoPath, characteristic(kInfoPath, protocol::kInfoUuid, info_flags(options_.encrypted)));
  application_->add(kControlPath,
                    characteristic(kControlPath, protocol::kControlUuid, control_flags(options_.encrypted)));
  application_->add(kDataPath, characteristic(kDataPath, protocol::kDataUuid, data_flags(options_.encrypted)));
}

std::vector<Interface> BluezPeripheral::characteristic(const std::string& path, const char* uuid,
                                                       std::vector<std::string> flags) {
  const bool control = path == kControlPath;
  const bool data = path == kDataPath;
  Interface interface { .name = host::bluez::kCharacteristic };
  interface.methods = {{"ReadValue",
                        {{"options", "a{sv}"}},
                        {{"value", "ay"}},
                        [this](MethodCall call) { handle_read(std::move(call)); }},
                       {"WriteValue",
                        {{"value", "ay"}, {"options", "a{sv}"}},
                        {},
                        [this, control](MethodCall call) { handle_write(control, std::move(call)); }},
                       {"StartNotify",
                        {},
                        {},
                        [this](MethodCall call) {
                          notifying_ = true;
                          subscribe_all(true);
                          call.reply();
                        }},
                       {"StopNotify", {}, {}, [this](MethodCall call) {
                          notifying_ = false;
                          subscribe_all(false);
                          call.reply();
                        }}};
  interface.properties = {{"UUID", "s", [uuid] { return Value(std::string(uuid)); }},
                          {"Service", "o", [] { return Value(ObjectPath(kServicePath)); }},
                          {"Flags", "as", [flags] { return Value(flags); }}};
  if (control) {
    interface.methods.push_back(
        {"AcquireNotify", {{"options", "a{sv}"}}, {{"fd", "h"}, {"mtu", "q"}}, [this](MethodCall call) {
           handle_acquire(false, std::move(call));
         }});
    interface.properties.push_back({"NotifyAcquired", "b", [this] { return Value(bool(notify_.fd)); }});
    interface.properties.push_back({"Value", "ay", [this] { return Value(last_value_); }});
  }
  if (data) {
    interface.methods.push_back(
        {"AcquireWrite", {{"options", "a{sv}"}}, {{"fd", "h"}, {"mtu", "q"}}, [this](MethodCall call) {
           handle_acquire(true, std::move(call));
         }});
    // Its being there at all is what makes bluetoothd ask for a descriptor.
    interface.properties.push_back(
        {"WriteAcquired", "b", [this] { return centrals_.size() > 1 ? Value() : Value(bool(data_.fd)); }});
  }
  return {interface};
}

// Two objects: the advertisement, and a second one for the service data alone, for controllers whose advertisements
// have 31 bytes, which the UUID and the service data do not share.
void BluezPeripheral::export_advertisement() {
  advertisement_ = std::make_unique<host::dbus::ObjectServer>(*bus_, kAdvertisementRoot);
  auto released = [this](MethodCall call) {
    call.reply();
    advertising_ = false;
    advertise_later();
  };
  auto text = [](const char* words) { return [words] { return Value(std::string(words)); }; };
  auto service_data = [this](Layout layout) {
    if (layout_ != layout) return Value();
    ByteString data = advertised_;
    if (layout == Layout::kTwo && data.size() > kShortDataBytesMax) data.resize(kShortDataBytesMax);
    return Value(Dict{{protocol::kServiceUuid, data}});
  };
  advertisement_->add(
      kAdvertisementPath,
      {{.name = host::bluez::kAdvertisement,
        .methods = {{"Release", {}, {}, released}},
        .properties = {
            {"Type", "s", text("peripheral")},
            {"ServiceUUIDs", "as", [] { return Value(std::vector<std::string>{protocol::kServiceUuid}); }},
            {"ServiceData", "a{sv}", [service_data] { return service_data(Layout::kOne); }},
            {"LocalName", "s", [this] { return Value(local_name_); }},
            {"Discoverable", "b", [] { return Value(true); }}}}});
  advertisement_->add(kStatePath,
                      {{.name = host::bluez::kAdvertisement,
                        .methods = {{"Release", {}, {}, released}},
                        .properties = {{"Type", "s", text("peripheral")}, {"ServiceData", "a{sv}", [service_data] {
                                                                             return service_data(Layout::kTwo);
                                                                           }}}}});
}

// ---- registration

void BluezPeripheral::handle_change(const ObjectTree::Change& change) {
  using Kind = ObjectTree::Change::Kind;
  if (change.kind == Kind::kState && tree_->state() != ObjectTree::State::kReady) {
    if (tree_->state() == ObjectTree::State::kAbsent) {
      say(registered_ ? "bluetoothd stopped; waiting for it to come back"
                      : "bluetoothd is not there; waiting for it");
    }
    adapter_ = AdapterState::kUnknown;
    registered_ = advertising_ = false;
    drop_all();
    return;
  }
  if (change.kind == Kind::kState || change.path == adapter_path_) return look_at_adapter();
  if (centrals_.count(change.path) &&
      !host::bluez::property<bool>(*tree_, change.path, host::bluez::kDevice, "Connected")) {
    drop_central(change.path);
  }
}

void BluezPeripheral::look_at_adapter() {
  std::string path;
  const host::bluez::Failure failure = host::bluez::check_adapter(*tree_, options_.adapter, &path);
  const AdapterState state =
      failure.error == host::LinkError::kNone ? AdapterState::kReady : AdapterState::kNotReady;
  if (path.empty()) registered_ = false;  // unplugged: the next one knows nothing of us
  if (std::exchange(adapter_, state) == state) return;
  if (state == AdapterState::kNotReady) {
    advertising_ = false;
    drop_all();
    return say(failure.sentence);
  }
  again_ms_ = kAgainFirstMs;
  name_adapter();
  if (agent_) set_adapter("Pairable", Value(true));
  // The application outlives a power cycle, the advertisement does not.
  if (registered_) return renew_advertisement();
  register_application();
}

void BluezPeripheral::register_application() {
  Message call =
      Message::call(host::bluez::kService, adapter_path_, host::bluez::kGattManager, "RegisterApplication");
  call.append(ObjectPath(kRoot), Dict());
  registering_ = bus_->call(call, kRegisterTimeoutMs, [this](const Message& reply) {
    if (reply.is_error() && reply.error_name() != "org.bluez.Error.AlreadyExists") {
      say_refusal(host::bluez::explain(reply, "registering the service").sentence);
      again_ = loop_.after(next_again_ms(), [this] {
        if (adapter_ == AdapterState::kReady) register_application();
      });
      return;
    }
    registered_ = true;
    again_ms_ = kAgainFirstMs;
    renew_advertisement();
  });
}

void BluezPeripheral::call_advertising(const char* method, const char* path,
                                       std::function<void(const Message&)> done) {
  Message call = Message::call(host::bluez::kService, adapter_path_, host::bluez::kAdvertisingManager, method);
  call.append(ObjectPath(path));
  if (std::string(method) == "RegisterAdvertisement") call.append(Dict());
  advertising_call_ = bus_->call(call, kRegisterTimeoutMs, std::move(done));
}

// After a power cycle bluetoothd still holds the advertisements, which are not in the air any more: they are taken
// back before they are offered anew.
void BluezPeripheral::renew_advertisement() {
  call_advertising("UnregisterAdvertisement", kStatePath, [this](const Message&) {
    call_advertising("UnregisterAdvertisement", kAdvertisementPath,
                     [this](const Message&) { register_advertisement(Layout::kOne); });
  });
}

void BluezPeripheral::register_advertisement(Layout layout) {
  refresh_advertisement();
  layout_ = layout;
  call_advertising("RegisterAdvertisement", kAdvertisementPath, [this](const Message& reply) {
    const std::string error = reply.error_name();
    if (!reply.is_error()) return layout_ == Layout::kOne ? handle_advertised("") : register_state();
    if (layout_ == Layout::kOne &&
        (error == "org.bluez.Error.InvalidLength" || error == "org.bluez.Error.Failed")) {
      return register_advertisement(Layout::kTwo);
    }
    say_refusal(host::bluez::explain(reply, "advertising").sentence);
    advertise_later();
  });
}

void BluezPeripheral::register_state() {
  call_advertising("RegisterAdvertisement", kStatePath, [this](const Message& reply) {
    handle_advertised(reply.is_error() ? ", without what it runs: the controller's advertisements are too short"
                                       : ", in two advertisements");
  });
}

void BluezPeripheral::handle_advertised(const std::string& how) {
  advertising_ = true;
  again_ms_ = kAgainFirstMs;
  refusal_.clear();
  say("advertising on " + options_.adapter + " as " + local_name_ + how);
}

// What is refused is refused again a moment later, often for the same reason: said once.
void BluezPeripheral::say_refusal(const std::string& sentence) {
  if (std::exchange(refusal_, sentence) != sentence) say(sentence + "; trying again");
}

uint32_t BluezPeripheral::next_again_ms() {
  return std::exchange(again_ms_, std::min(again_ms_ * 2, kAgainMaxMs));
}

void BluezPeripheral::advertise_later() {
  again_ = loop_.after(next_again_ms(), [this] {
    if (adapter_ == AdapterState::kReady && registered_ && !advertising_) renew_advertisement();
  });
}

// The peripheral gives what a scan sees: the size of the service data, the service data, the local name.
void BluezPeripheral::refresh_advertisement() {
  advertisement_read_ms_ = Loop::now_ms();
  const Bytes told = peripheral_.advertisement();
  if (told.empty() || told[0] >= told.size()) return;
  ByteString data(told.begin() + 1, told.begin() + 1 + told[0]);
  if (data == advertised_) return;
  advertised_ = std::move(data);
  if (!advertising_) return;
  const char* path = layout_ == Layout::kOne ? kAdvertisementPath : kStatePath;
  advertisement_->changed(path, host::bluez::kAdvertisement, {"ServiceData"});
}

// ---- centrals

BluezPeripheral::Central& BluezPeripheral::central_of(const Dict& options) {
  const std::string device = host::dbus::get<ObjectPath>(options, "device").text;
  auto known = centrals_.find(device);
  if (known != centrals_.end()) return known->second;
  Central& central = centrals_[device];
  central.conn = next_conn_++;
  if (next_conn_ == 0) next_conn_ = 1;
  central.att_mtu = std::clamp<uint16_t>(host::dbus::get<uint16_t>(options, "mtu", 23), 23, options_.att_mtu_max);
  peripheral_.on_connect(central.conn, central.att_mtu);
  offer_data_descriptor();
  // bluetoothd tells of the first subscription only.
  if (notifying_) {
    central.subscribed = true;
    peripheral_.on_subscribe(central.conn, true);
  }
  return central;
}

// With two centrals the data descriptor would not say whose data it is: by calls, until one has left. Refusing it is
// not enough: bluetoothd 5.66 then keeps that value, and every later one, for a descriptor that never comes.
void BluezPeripheral::offer_data_descriptor() {
  if (centrals_.size() > 1) {
    handle_data_ready(EPOLLHUP);  // what is in it already is the first one's
    data_ = Channel();
  }
  application_->changed(kDataPath, host::bluez::kCharacteristic, {"WriteAcquired"});
}

void BluezPeripheral::drop_central(const std::string& device) {
  auto gone = centrals_.extract(device);
  if (gone.empty()) return;
  if (data_.device == device) data_ = Channel();
  peripheral_.on_disconnect(gone.mapped().conn);
  offer_data_descriptor();
}

void BluezPeripheral::drop_all() {
  while (!centrals_.empty()) drop_central(centrals_.begin()->first);
  data_ = Channel();
  notify_ = Channel();
  notifying_ = false;
}

void BluezPeripheral::subscribe_all(bool on) {
  for (auto& [device, central] : centrals_) {
    if (std::exchange(central.subscribed, on) != on) peripheral_.on_subscribe(central.conn, on);
  }
}

// ---- values

void BluezPeripheral::handle_read(MethodCall call) {
  if (call.message().path() != kInfoPath) return call.fail("org.bluez.Error.NotPermitted", "Read not permitted");
  Dict options;
  (void)call.message().read(&options);
  Central& central = central_of(options);
  const uint16_t offset = host::dbus::get<uint16_t>(options, "offset");
  if (offset == 0) {
    const Bytes info = peripheral_.info(central.conn);
    central.info.assign(info.begin(), info.end());
  }
  if (offset > central.info.size()) return call.fail("org.bluez.Error.InvalidOffset", "Invalid Offset");
  call.reply(Bytes(central.info).from(offset));
}

void BluezPeripheral::handle_write(bool control, MethodCall call) {
  ByteString value;
  Dict options;
  (void)call.message().read(&value, &options);
  const std::string path = call.message().path();
  if (path == kInfoPath) return call.fail("org.bluez.Error.NotPermitted", "Write not permitted");
  const uint16_t conn = central_of(options).conn;
  call.reply();
  if (control) {
    peripheral_.on_control(conn, value);
  } else {
    peripheral_.on_data(conn, value);
  }
}

void BluezPeripheral::handle_acquire(bool data, MethodCall call) {
  Dict options;
  (void)call.message().read(&options);
  Central& central = central_of(options);
  // Asked for before it was withdrawn. Upon this error, and none of its own, bluetoothd goes on with WriteValue.
  if (data && centrals_.size() > 1) return call.fail("org.freedesktop.DBus.Error.NotSupported", "two centrals");
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    return call.fail("org.bluez.Error.Failed", "no socket");
  }
  // bluetoothd drops what its end cannot take at once.
  for (int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof kSocketBytes);
  Channel& channel = data ? data_ : notify_;
  channel.fd.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  channel.device = host::dbus::get<ObjectPath>(options, "device").text;
  channel.watch = loop_.watch(ends[0], data ? EPOLLIN : EPOLLHUP, [this, data](uint32_t events) {
    if (data) return handle_data_ready(events);
    notify_ = Channel();
    notifying_ = false;
    subscribe_all(false);
  });
  call.reply(theirs, central.att_mtu);
  if (data) return;
  notifying_ = true;
  subscribe_all(true);
}

// A few datagrams a call, so that the agent is polled between them: its ring is what paces the central.
void BluezPeripheral::handle_data_ready(uint32_t events) {
  uint8_t buffer[kValueBytesMax];
  for (int i = 0; i < kDatagramsAtOnce && data_.fd; ++i) {
    const ssize_t size = recv(data_.fd.get(), buffer, sizeof buffer, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < 0 || (size == 0 && (events & EPOLLHUP))) {
      data_ = Channel();
      return;
    }
    auto central = centrals_.find(data_.device);
    if (central != centrals_.end())
      peripheral_.on_data(central->second.conn, Bytes(buffer, static_cast<size_t>(size)));
  }
}

bool BluezPeripheral::notify(uint16_t conn, Bytes value) {
  const bool there = std::any_of(centrals_.begin(), centrals_.end(), [conn](const auto& each) {
    return each.second.conn == conn && each.second.subscribed;
  });
  if (!there || !notifying_) return false;
  if (notify_.fd) {
    return ::send(notify_.fd.get(), value.data(), value.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(value.size());
  }
  last_value_.assign(value.begin(), value.end());
  application_->changed(kControlPath, host::bluez::kCharacteristic, {"Value"});
  return true;
}

}  // namespace roost::device
