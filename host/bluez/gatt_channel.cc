#include "host/bluez/gatt_channel.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "host/bluez/names.h"
#include "protocol/uuids.h"

namespace roost::host::bluez {

using dbus::Message;
using dbus::UniqueFd;
using Kind = ObjectTree::Change::Kind;
using Retry = Failure::Retry;

namespace {

constexpr uint32_t kCallTimeoutMs = 10000;
// From ServicesResolved until the objects are announced, should they come the wrong way round.
constexpr uint32_t kObjectsTimeoutMs = 2000;
// From a descriptor closing until bluetoothd said why.
constexpr uint32_t kReasonMs = 50;
constexpr uint16_t kAttMtuMin = 23;
constexpr uint16_t kAttMtuMax = 517;
constexpr size_t kAttHeaderBytes = 3;
constexpr int kDatagramsAtOnce = 32;

// Whether bluetoothd has no descriptor for us, as opposed to the device or somebody else refusing.
bool refuses_descriptor(const Message& reply) {
  const std::string name = reply.error_name();
  return name == "org.bluez.Error.NotSupported" || name == "org.freedesktop.DBus.Error.UnknownMethod" ||
         name == "org.freedesktop.DBus.Error.NotSupported";
}

}  // namespace

GattChannel::GattChannel(ObjectTree& tree, std::string device_path, std::string label, bool use_descriptors,
                         size_t commands_max, CallCounts& counts)
    : tree_(tree),
      device_path_(std::move(device_path)),
      label_(std::move(label)),
      use_descriptors_(use_descriptors),
      commands_max_(commands_max),
      counts_(counts) {}

dbus::PendingCall GattChannel::call(const std::string& path, const std::string& member, const dbus::Dict& options,
                                    dbus::Connection::Handler handler, const Bytes* value) {
  ++counts_[member];
  Message message = Message::call(kService, path, kCharacteristic, member);
  if (value) message.append(*value);
  message.append(options);
  return tree_.bus().call(message, kCallTimeoutMs, std::move(handler));
}

// ---- opening

void GattChannel::open(Events events) {
  events_ = std::move(events);
  observation_ = tree_.observe([this](const ObjectTree::Change& change) { handle_change(change); });
  if (find_characteristics()) return acquire_notify();
  await_objects_ = true;
  timer_ = tree_.bus().loop().after(kObjectsTimeoutMs, [this] {
    const auto candidate = candidate_at(tree_, device_path_);
    const bool promised = candidate && !candidate->service_data.empty();
    fail({LinkError::kNoService,
          promised ? label_ + " advertises Roost, but bluetoothd remembers other services of it"
                   : label_ + " is connected, but has no Roost service: it is another kind of device",
          promised ? Retry::kStaleCache : Retry::kNever});
  });
}

std::string GattChannel::find_under(const std::string& parent, const char* interface, const char* uuid) const {
  for (auto each = tree_.objects().lower_bound(dbus::ObjectPath(parent + "/")); each != tree_.objects().end();
       ++each) {
    const std::string& path = each->first.text;
    if (path.rfind(parent + "/", 0) != 0) break;
    if (property<std::string>(tree_, path, interface, "UUID") == uuid) return path;
  }
  return "";
}

bool GattChannel::find_characteristics() {
  const std::string service = find_under(device_path_, kGattService, protocol::kServiceUuid);
  if (service.empty()) return false;
  info_path_ = find_under(service, kCharacteristic, protocol::kInfoUuid);
  control_path_ = find_under(service, kCharacteristic, protocol::kControlUuid);
  data_path_ = find_under(service, kCharacteristic, protocol::kDataUuid);
  return !info_path_.empty() && !control_path_.empty() && !data_path_.empty();
}

void GattChannel::acquire_notify() {
  await_objects_ = false;
  timer_ = {};
  if (!use_descriptors_) return start_notify();
  opening_ = call(control_path_, "AcquireNotify", {}, [this](const Message& reply) {
    if (reply.is_error()) {
      return refuses_descriptor(reply) ? start_notify() : fail(explain(reply, "subscribing to " + label_));
    }
    if (!reply.read(&notify_fd_, &att_mtu_)) {
      return fail({LinkError::kSystem, "bluetoothd gave a malformed descriptor", Retry::kNever});
    }
    notify_watch_ =
        tree_.bus().loop().watch(notify_fd_.get(), EPOLLIN, [this](uint32_t ready) { handle_notify_fd(ready); });
    acquire_write();
  });
}

void GattChannel::start_notify() {
  ++counts_["StartNotify"];
  opening_ = tree_.bus().call(Message::call(kService, control_path_, kCharacteristic, "StartNotify"),
                              kCallTimeoutMs, [this](const Message& reply) {
                                if (reply.is_error()) return fail(explain(reply, "subscribing to " + label_));
                                acquire_write();
                              });
}

void GattChannel::acquire_write() {
  if (!use_descriptors_) return finish_open();
  opening_ = call(data_path_, "AcquireWrite", {}, [this](const Message& reply) {
    if (reply.is_error()) {
      return refuses_descriptor(reply) ? finish_open() : fail(explain(reply, "writing to " + label_));
    }
    if (!reply.read(&data_fd_, &att_mtu_)) {
      return fail({LinkError::kSystem, "bluetoothd gave a malformed descriptor", Retry::kNever});
    }
    data_watch_ =
        tree_.bus().loop().watch(data_fd_.get(), EPOLLHUP, [this](uint32_t ready) { handle_data_fd(ready); });
    finish_open();
  });
}

void GattChannel::finish_open() {
  if (data_fd_ || notify_fd_) return announce_open();
  // A descriptor comes with the MTU. Without one it is asked for now: what bluetoothd told with the object may be
  // from before the MTU was exchanged, where the services were known already, and no signal corrects it.
  ++counts_["GetAll"];
  Message get_all = Message::call(kService, data_path_, kPropertiesInterface, "GetAll");
  get_all.append(kCharacteristic);
  opening_ = tree_.bus().call(get_all, kCallTimeoutMs, [this](const Message& reply) {
    dbus::Dict properties;
    if (!reply.is_error()) (void)reply.read(&properties);
    att_mtu_ = dbus::get<uint16_t>(properties, "MTU", kAttMtuMin);
    announce_open();
  });
}

void GattChannel::announce_open() {
  if (failed_) return;
  att_mtu_ = std::clamp(att_mtu_, kAttMtuMin, kAttMtuMax);
  open_ = true;
  events_.ready();
}

// ---- the end

void GattChannel::handle_change(const ObjectTree::Change& change) {
  if (failed_) return;
  if (change.kind == Kind::kState) return fail_lost();
  if (change.kind == Kind::kRemoved) {
    if (change.path == device_path_ || change.path == data_path_ || change.path == control_path_) fail_lost();
    return;
  }
  if (change.kind == Kind::kAdded && await_objects_ && change.path.rfind(device_path_, 0) == 0) {
    if (find_characteristics()) acquire_notify();
    return;
  }
  if (change.kind != Kind::kProperties) return;
  if (change.path == device_path_ && change.values->count("Connected") &&
      !dbus::get<bool>(*change.values, "Connected")) {
    return fail_lost();
  }
  if (open_ && !notify_fd_ && change.path == control_path_) {
    auto value = change.values->find("Value");
    if (value == change.values->end()) return;
    if (const auto* bytes = std::get_if<dbus::ByteString>(&value->second)) events_.notification(*bytes);
  }
}

void GattChannel::fail(const Failure& failure) {
  if (failed_) return;
  failed_ = true;
  open_ = false;
  timer_ = {};
  data_watch_ = {};
  notify_watch_ = {};
  events_.failed(failure);
}

// A descriptor closes a moment before, or after, bluetoothd says what happened; a moment's patience gives the
// better sentence.
void GattChannel::fail_lost() {
  open_ = false;
  data_watch_ = {};
  notify_watch_ = {};
  timer_ = tree_.bus().loop().after(kReasonMs, [this] {
    Failure failure{LinkError::kLost, "the connection to " + label_ + " ended", Retry::kAgain};
    std::string adapter_path;
    const std::string adapter = device_path_.substr(0, device_path_.rfind('/'));
    if (tree_.state() == ObjectTree::State::kAbsent) {
      failure.sentence += ": bluetoothd stopped";
    } else if (Failure why = check_adapter(tree_, adapter.substr(adapter.rfind('/') + 1), &adapter_path);
               tree_.state() == ObjectTree::State::kReady && why.error != LinkError::kNone) {
      failure.sentence += ": " + why.sentence;
    }
    fail(failure);
  });
}

// ---- values

LinkStatus GattChannel::read_info(std::function<void(Bytes)> done) {
  if (!open_) return LinkError::kNotConnected;
  const uint64_t id = next_call_++;
  reads_[id] = call(info_path_, "ReadValue", {}, [this, id, done = std::move(done)](const Message& reply) {
    auto under_way = reads_.extract(id);
    dbus::ByteString value;
    if (reply.is_error() || !reply.read(&value)) return fail(explain(reply, "reading what " + label_ + " is"));
    done(value);
  });
  return {};
}

LinkStatus GattChannel::write_control(Bytes value) {
  if (!open_) return LinkError::kNotConnected;
  if (value.size() > std::min<size_t>(att_mtu_ - kAttHeaderBytes, kValueBytesMax)) return LinkError::kTooLong;
  control_queue_.emplace_back(value.begin(), value.end());
  send_next_control();
  return {};
}

void GattChannel::send_next_control() {
  if (control_busy_ || control_queue_.empty() || !open_) return;
  control_busy_ = true;
  const std::vector<uint8_t> value = std::move(control_queue_.front());
  control_queue_.pop_front();
  const Bytes bytes(value);
  control_under_way_ = call(
      control_path_, "WriteValue", {{"type", std::string("request")}},
      [this](const Message& reply) {
        control_busy_ = false;
        if (reply.is_error()) return fail(explain(reply, "asking " + label_));
        send_next_control();
      },
      &bytes);
}

LinkStatus GattChannel::write_data(Bytes value) {
  if (!open_) return LinkError::kNotConnected;
  if (value.size() > std::min<size_t>(att_mtu_ - kAttHeaderBytes, kValueBytesMax)) return LinkError::kTooLong;
  if (!data_fd_) return write_command(value);
  if (::send(data_fd_.get(), value.data(), value.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
  if (errno != EAGAIN && errno != ENOBUFS) return LinkError::kNotConnected;  // the watch tells the rest
  writable_wanted_ = true;
  data_watch_.set_events(EPOLLHUP | EPOLLOUT);
  return LinkError::kWouldBlock;
}

LinkStatus GattChannel::write_command(Bytes value) {
  if (commands_.size() >= commands_max_) {
    writable_wanted_ = true;
    return LinkError::kWouldBlock;
  }
  const uint64_t id = next_call_++;
  commands_[id] = call(
      data_path_, "WriteValue", {{"type", std::string("command")}},
      [this, id](const Message& reply) {
        auto under_way = commands_.extract(id);
        if (reply.is_error()) return fail(explain(reply, "writing to " + label_));
        if (std::exchange(writable_wanted_, false)) events_.writable();
      },
      &value);
  return {};
}

void GattChannel::handle_notify_fd(uint32_t ready) {
  std::weak_ptr<bool> alive = alive_;
  uint8_t buffer[kAttMtuMax];
  for (int i = 0; i < kDatagramsAtOnce && (ready & EPOLLIN); ++i) {
    const ssize_t size = recv(notify_fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return fail_lost();
    // What arrives while the write descriptor is not there yet answers nothing we asked.
    if (open_) events_.notification(Bytes(buffer, static_cast<size_t>(size)));
    if (alive.expired() || failed_) return;
  }
  if (!(ready & EPOLLIN)) fail_lost();
}

void GattChannel::handle_data_fd(uint32_t ready) {
  if (ready & (EPOLLHUP | EPOLLERR)) return fail_lost();
  data_watch_.set_events(EPOLLHUP);
  if (std::exchange(writable_wanted_, false)) events_.writable();
}

}  // namespace roost::host::bluez
