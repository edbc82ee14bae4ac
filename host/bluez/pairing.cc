#include "host/bluez/pairing.h"

#include "host/bluez/names.h"

namespace roost::host::bluez {

using dbus::Message;
using dbus::ObjectPath;
using Retry = Failure::Retry;

namespace {

// A person reads and types a passkey meanwhile.
constexpr uint32_t kPairTimeoutMs = 90000;
constexpr uint32_t kCallTimeoutMs = 10000;

}  // namespace

Pairing::Pairing(ObjectTree& tree, Target target, ConnectOptions options)
    : tree_(tree), target_(std::move(target)), connector_(tree, target_, std::move(options), counts_) {}

void Pairing::finish(const Failure& failure) {
  connector_.stop();
  auto done = std::exchange(done_, nullptr);
  if (done) done(failure);
}

void Pairing::pair(Done done) {
  done_ = std::move(done);
  connector_.find(
      [this](const std::string& path) {
        const std::string label = connector_.label();
        if (property<bool>(tree_, path, kDevice, "Paired")) return set_trusted(true, label + " is paired already");
        pending_ = tree_.bus().call(Message::call(kService, path, kDevice, "Pair"), kPairTimeoutMs,
                                    [this, label](const Message& reply) {
                                      if (reply.is_error()) return finish(explain(reply, "pairing with " + label));
                                      set_trusted(true, "paired with " + label);
                                    });
      },
      [this](const Failure& failure) { finish(failure); });
}

void Pairing::unpair(Done done) {
  done_ = std::move(done);
  connector_.find(
      [this](const std::string& path) {
        const std::string label = connector_.label();
        Message call = Message::call(kService, path.substr(0, path.rfind('/')), kAdapter, "RemoveDevice");
        call.append(ObjectPath(path));
        pending_ = tree_.bus().call(call, kCallTimeoutMs, [this, label](const Message& reply) {
          if (reply.is_error()) return finish(explain(reply, "unpairing " + label));
          finish({LinkError::kNone, label + " is forgotten, with its keys", Retry::kNever});
        });
      },
      [this](const Failure& failure) { finish(failure); });
}

void Pairing::trust(bool trusted, Done done) {
  done_ = std::move(done);
  connector_.find(
      [this, trusted](const std::string&) {
        set_trusted(trusted, connector_.label() + (trusted ? " is trusted" : " is not trusted any more"));
      },
      [this](const Failure& failure) { finish(failure); });
}

void Pairing::set_trusted(bool trusted, const std::string& achieved) {
  Message call = Message::call(kService, connector_.device_path(), kPropertiesInterface, "Set");
  call.append(kDevice, "Trusted", dbus::Value(trusted));
  pending_ = tree_.bus().call(call, kCallTimeoutMs, [this, achieved](const Message& reply) {
    if (reply.is_error()) return finish(explain(reply, "trusting " + connector_.label()));
    finish({LinkError::kNone, achieved, Retry::kNever});
  });
}

}  // namespace roost::host::bluez
