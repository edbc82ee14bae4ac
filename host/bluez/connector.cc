#include "host/bluez/connector.h"

#include <algorithm>

#include "host/bluez/names.h"

namespace roost::host::bluez {

using dbus::Message;
using Kind = ObjectTree::Change::Kind;
using Retry = Failure::Retry;

namespace {

// bluetoothd 5.66 takes 2 s for a Disconnect, data still flows meanwhile, and nothing tells that it is under way.
constexpr uint32_t kDisconnectMs = 3000;

}  // namespace

Connector::Connector(ObjectTree& tree, Target target, ConnectOptions options, CallCounts& counts)
    : tree_(tree), target_(std::move(target)), options_(std::move(options)), counts_(counts), discovery_(tree) {}

void Connector::start(Ready ready, Failed failed) {
  ready_ = std::move(ready);
  failed_ = std::move(failed);
  attempts_ = 0;
  find_only_ = false;
  observation_ = tree_.observe([this](const ObjectTree::Change& change) { handle_change(change); });
  state_ = State::kAwaitBegin;
  arm(0, &Connector::begin);
}

void Connector::find(Ready found, Failed failed) {
  start(std::move(found), std::move(failed));
  find_only_ = true;
}

void Connector::stop() {
  const bool connecting = state_ == State::kAwaitConnected || state_ == State::kAwaitResolved;
  if (connecting && made_connection_ && !disconnect_asked_) disconnect_device();
  state_ = State::kIdle;
  observation_.reset();
  timer_ = {};
  pending_.cancel();
  if (discovery_.running()) discovery_.stop([] {});
}

void Connector::skip() {
  skipped_.insert(device_path_);
  if (made_connection_) disconnect_device();
  device_path_.clear();
  state_ = State::kAwaitBegin;
  arm(0, &Connector::begin);
}

void Connector::retry(const Failure& failure) {
  if (made_connection_) disconnect_device();
  fail_attempt(failure);
}

// A name stays what the user calls it: a device's GAP name may be another than the one it advertises.
std::string Connector::label() const {
  return label_.empty() || target_.kind == Target::Kind::kName ? target_.describe() : label_;
}

void Connector::arm(uint32_t delay_ms, void (Connector::*handler)()) {
  timer_ = tree_.bus().loop().after(delay_ms, [this, handler] { (this->*handler)(); });
}

// ---- the steps

void Connector::begin() {
  switch (tree_.state()) {
    case ObjectTree::State::kLoading:
      state_ = State::kAwaitBluetoothd;
      return arm(options_.find_timeout_ms, &Connector::handle_find_timeout);
    case ObjectTree::State::kAbsent:
      return fail_attempt(explain_absence(tree_));
    case ObjectTree::State::kReady:
      break;
  }
  Failure adapter = check_adapter(tree_, target_.adapter, &adapter_path_, options_.rfkill_folder);
  if (adapter.error != LinkError::kNone) return fail_attempt(adapter);
  look_for_device();
}

// A device that bluetoothd knows is connected to at once; after a failure it must be heard first, or some time
// pass.
void Connector::look_for_device() {
  const auto known = pick(false);
  if (state_ == State::kDone) return;  // ambiguous
  if (known && (attempts_ == 0 || candidate_at(tree_, *known)->connected)) return found(*known);
  state_ = State::kAwaitDevice;
  arm(known ? options_.relisten_ms : options_.find_timeout_ms, &Connector::handle_find_timeout);
  if (discovery_.running()) return;
  ++counts_["StartDiscovery"];
  // A device is found by its name even if it advertises other services than ours.
  discovery_.start(adapter_path_, target_.kind != Target::Kind::kName && target_.kind != Target::Kind::kAddress,
                   [this](const Failure& failure) {
                     if (state_ == State::kAwaitDevice) fail_attempt(failure);
                   });
}

// The best device that fits. Two of one name that can both be heard are not told apart by guessing.
std::optional<std::string> Connector::pick(bool heard_only) {
  std::optional<Candidate> best;
  for (Candidate& candidate : candidates_of(tree_, adapter_path_)) {
    if (!may_be(target_, candidate) || skipped_.count(candidate.path)) continue;
    if (heard_only && !candidate.rssi && !candidate.connected) continue;
    if (best && target_.kind == Target::Kind::kName && best->rssi && candidate.rssi) {
      finish({LinkError::kNotFound,
              "two devices are called " + target_.text + " (" + best->address + " and " + candidate.address +
                  "); give the address instead",
              Retry::kNever});
      return std::nullopt;
    }
    auto rank = [](const Candidate& c) { return c.connected ? 2 : c.rssi ? 1 : 0; };
    if (!best || rank(candidate) > rank(*best)) best = std::move(candidate);
  }
  return best ? std::optional(best->path) : std::nullopt;
}

void Connector::found(const std::string& path) {
  device_path_ = path;
  label_ = label_of(*candidate_at(tree_, path));
  state_ = State::kAwaitDiscoveryStopped;
  timer_ = {};
  if (discovery_.running()) ++counts_["StopDiscovery"];
  discovery_.stop([this] {
    if (!find_only_) return connect();
    finish_ready();
  });
}

void Connector::connect() {
  const auto candidate = candidate_at(tree_, device_path_);
  if (!candidate) {
    return fail_attempt({LinkError::kNotFound, label() + " is gone: bluetoothd forgot it", Retry::kAgain});
  }
  if (!candidate->connected) return send_connect();
  // A connection that was there before us is somebody's who may just have left; then it is no use.
  state_ = State::kAwaitDisconnected;
  arm(kDisconnectMs, &Connector::send_connect);
}

void Connector::send_connect() {
  state_ = State::kAwaitConnected;
  disconnect_asked_ = false;
  made_connection_ = !property<bool>(tree_, device_path_, kDevice, "Connected");
  timer_ = {};
  ++counts_["Connect"];
  pending_ = tree_.bus().call(Message::call(kService, device_path_, kDevice, "Connect"),
                              options_.connect_timeout_ms, [this](const Message& reply) {
                                if (state_ != State::kAwaitConnected) return;
                                if (reply.is_error() && reply.error_name() != "org.bluez.Error.AlreadyConnected") {
                                  if (reply.error_name() == "org.freedesktop.DBus.Error.NoReply")
                                    disconnect_device();
                                  return fail_attempt(explain(reply, "connecting to " + label()));
                                }
                                await_resolved();
                              });
}

void Connector::await_resolved() {
  pending_.cancel();
  if (property<bool>(tree_, device_path_, kDevice, "ServicesResolved")) {
    return finish_ready();
  }
  state_ = State::kAwaitResolved;
  arm(options_.resolve_timeout_ms, &Connector::handle_resolve_timeout);
}

// ---- what may come between

void Connector::handle_change(const ObjectTree::Change& change) {
  if (state_ == State::kIdle || state_ == State::kDone || state_ == State::kAwaitBegin) return;
  if (change.kind == Kind::kState) {
    if (tree_.state() == ObjectTree::State::kAbsent) return fail_attempt(explain_absence(tree_));
    if (state_ == State::kAwaitBluetoothd && tree_.state() == ObjectTree::State::kReady) begin();
    return;
  }
  if (state_ == State::kAwaitDevice && change.kind != Kind::kRemoved) {
    if (auto path = pick(true)) found(*path);
    return;
  }
  if (change.path == adapter_path_) {
    Failure adapter = check_adapter(tree_, target_.adapter, &adapter_path_, options_.rfkill_folder);
    if (adapter.error != LinkError::kNone) fail_attempt(adapter);
    return;
  }
  if (change.path != device_path_) return;
  if (change.kind == Kind::kRemoved && !tree_.find(device_path_, kDevice)) {
    return fail_attempt({LinkError::kNotFound, label() + " is gone: bluetoothd forgot it", Retry::kAgain});
  }
  if (state_ == State::kAwaitDisconnected && !property<bool>(tree_, device_path_, kDevice, "Connected")) {
    return send_connect();
  }
  if (state_ == State::kAwaitResolved && change.kind == Kind::kProperties) {
    if (change.values->count("Connected") && !dbus::get<bool>(*change.values, "Connected")) {
      return fail_attempt({LinkError::kLost, label() + " hung up before its services were known", Retry::kAgain});
    }
    if (property<bool>(tree_, device_path_, kDevice, "ServicesResolved")) await_resolved();
  }
}

void Connector::handle_find_timeout() {
  if (state_ == State::kAwaitBluetoothd) {
    return finish({LinkError::kSystem, "Bluetooth: bluetoothd does not answer", Retry::kNever});
  }
  if (auto path = pick(false)) return found(*path);
  if (state_ == State::kDone) return;
  const char* what = skipped_.empty() ? " was not found; is it powered, in range and advertising?"
                                      : " was not found among the Roost devices in range";
  finish({LinkError::kNotFound, target_.describe() + what, Retry::kNever});
}

void Connector::handle_resolve_timeout() {
  disconnect_device();
  fail_attempt({LinkError::kNoService, "connected to " + label() + ", but its services were not resolved in time",
                Retry::kAgain});
}

void Connector::fail_attempt(const Failure& failure) {
  pending_.cancel();
  ++attempts_;
  if (failure.retry == Retry::kNever || attempts_ >= options_.attempts_max) return finish(failure);
  state_ = State::kAwaitBegin;
  const uint32_t backoff_ms = options_.backoff_first_ms << std::min(attempts_ - 1, 10);
  arm(std::min(backoff_ms, options_.backoff_max_ms), &Connector::begin);
}

void Connector::finish_ready() {
  state_ = State::kDone;
  timer_ = {};
  auto ready = ready_;  // it may destroy us
  ready(device_path_);
}

void Connector::finish(const Failure& failure) {
  stop();
  state_ = State::kDone;
  Failure told = failure;
  if (attempts_ > 1) told.sentence += " (" + std::to_string(attempts_) + " attempts)";
  auto failed = failed_;  // it may destroy us
  failed(told);
}

void Connector::disconnect_device() {
  if (!tree_.find(device_path_, kDevice)) return;
  disconnect_asked_ = true;
  ++counts_["Disconnect"];
  tree_.bus().send(Message::call(kService, device_path_, kDevice, "Disconnect"));
}

}  // namespace roost::host::bluez
