#include "host/bluez/bluez_link.h"

#include "host/bluez/names.h"

namespace roost::host {

using bluez::Failure;
using dbus::Message;
using Retry = bluez::Failure::Retry;

namespace {

constexpr uint32_t kForgetTimeoutMs = 5000;

}  // namespace

BluezLink::BluezLink(bluez::ObjectTree& tree, bluez::Target target, Options options)
    : tree_(tree),
      target_(std::move(target)),
      options_(std::move(options)),
      connector_(tree, target_, options_.connect, counts_) {}

BluezLink::~BluezLink() {
  disconnect();
}

void BluezLink::connect(LinkEvents events) {
  disconnect();
  events_ = std::move(events);
  forgotten_once_ = false;
  start_connector();
}

void BluezLink::start_connector() {
  state_ = State::kAwaitDevice;
  connector_.start([this](const std::string& path) { open_channel(path); },
                   [this](const Failure& failure) { close(failure.error, failure.sentence); });
}

void BluezLink::disconnect() {
  // Whoever holds the descriptors ends the connection; so does who made it for nothing.
  const bool was_open = state_ == State::kAwaitIdentity || state_ == State::kConnected ||
                        (state_ == State::kAwaitOpen && connector_.made_connection());
  channel_.reset();  // closes the descriptors first: nothing of ours is sent after this
  soon_ = {};
  pending_.cancel();
  connector_.stop();
  if (was_open) connector_.disconnect_device();
  state_ = State::kClosed;
}

void BluezLink::close(LinkError error, const std::string& why) {
  auto closed = events_.closed;
  disconnect();
  if (closed) closed(error, why);
}

void BluezLink::open_channel(const std::string& device_path) {
  state_ = State::kAwaitOpen;
  channel_ = std::make_unique<bluez::GattChannel>(tree_, device_path, connector_.label(), options_.use_descriptors,
                                                  static_cast<size_t>(options_.commands_max), counts_);
  bluez::GattChannel::Events events;
  events.ready = [this] { handle_open(); };
  events.failed = [this](const Failure& failure) {
    // The channel is destroyed from the loop, not from inside itself.
    soon_ = tree_.bus().loop().after(0, [this, failure] { handle_failure(failure); });
  };
  events.notification = [this](Bytes value) {
    if (state_ == State::kConnected && events_.notification) events_.notification(value);
  };
  events.writable = [this] {
    if (state_ == State::kConnected && events_.writable) events_.writable();
  };
  channel_->open(std::move(events));
}

void BluezLink::handle_open() {
  if (target_.kind != bluez::Target::Kind::kDeviceId || !options_.device_id_of) return announce();
  state_ = State::kAwaitIdentity;
  (void)channel_->read_info([this](Bytes info) {
    const bool meant = options_.device_id_of(info) == target_.text;
    soon_ = tree_.bus().loop().after(0, [this, meant] {
      if (meant) return announce();
      channel_.reset();
      state_ = State::kAwaitDevice;
      connector_.skip();
    });
  });
}

void BluezLink::announce() {
  state_ = State::kConnected;
  info_was_read_ = false;
  auto connected = events_.connected;
  connected();
}

void BluezLink::handle_failure(const Failure& failure) {
  if (failure.retry == Retry::kStaleCache) {
    return forgotten_once_ ? close(failure.error, failure.sentence) : forget_and_retry(failure);
  }
  if (state_ == State::kConnected && failure.error == LinkError::kLost && !info_was_read_)
    return close_unread(failure);
  if (state_ == State::kConnected || failure.retry == Retry::kNever) return close(failure.error, failure.sentence);
  channel_.reset();
  state_ = State::kAwaitDevice;
  connector_.retry(failure);
}

// A device that wants encryption and gets no pairing ends the connection at the first access, and bluetoothd tells
// it as any other loss. Once is an accident; twice from a device that is not paired has this reason.
void BluezLink::close_unread(const Failure& failure) {
  const bool paired = bluez::property<bool>(tree_, connector_.device_path(), bluez::kDevice, "Paired");
  if (paired || ++lost_unread_ < 2) return close(failure.error, failure.sentence);
  lost_unread_ = 0;
  close(LinkError::kNotPermitted, connector_.label() +
                                      " ends the connection when asked what it is; it probably wants " +
                                      "an encrypted link: pair with it first, `roost pair`");
}

// After a firmware change bluetoothd may remember services that are gone. Forgetting the device makes it look
// again; a pairing would be forgotten too, which is for people to decide.
void BluezLink::forget_and_retry(const Failure& failure) {
  forgotten_once_ = true;
  const std::string path = connector_.device_path();
  if (bluez::property<bool>(tree_, path, bluez::kDevice, "Paired")) {
    return close(failure.error, failure.sentence + "; `roost unpair` and pair again");
  }
  channel_.reset();
  connector_.stop();
  state_ = State::kAwaitForgotten;
  ++counts_["RemoveDevice"];
  Message forget = Message::call(bluez::kService, path.substr(0, path.rfind('/')), bluez::kAdapter, "RemoveDevice");
  forget.append(dbus::ObjectPath(path));
  pending_ = tree_.bus().call(forget, kForgetTimeoutMs, [this](const Message&) { start_connector(); });
}

LinkStatus BluezLink::read_info(std::function<void(Bytes)> done) {
  if (state_ != State::kConnected) return LinkError::kNotConnected;
  return channel_->read_info([this, done = std::move(done)](Bytes info) {
    info_was_read_ = true;
    lost_unread_ = 0;
    done(info);
  });
}

LinkStatus BluezLink::write_control(Bytes value) {
  return state_ == State::kConnected ? channel_->write_control(value) : LinkError::kNotConnected;
}

LinkStatus BluezLink::write_data(Bytes value) {
  return state_ == State::kConnected ? channel_->write_data(value) : LinkError::kNotConnected;
}

}  // namespace roost::host
