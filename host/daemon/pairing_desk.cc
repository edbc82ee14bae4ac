#include "host/daemon/pairing_desk.h"

#include "host/address.h"

namespace roost::host::daemon {

namespace {

Outcome outcome_of(const bluez::Failure& failure) {
  switch (failure.error) {
    case LinkError::kNone:
      return {ExitCode::kOk, "pair", failure.sentence};
    case LinkError::kNotPermitted:
    case LinkError::kRefused:
      return {ExitCode::kRefused, "pair", failure.sentence};
    default:
      return {ExitCode::kLinkLost, "pair", failure.sentence};
  }
}

}  // namespace

bool PairingDesk::begin(const DeviceRecord& device, Act act, std::function<void(const Outcome&)> done) {
  if (device_ != 0) return false;
  device_ = device.key;
  act_ = act;
  done_ = std::move(done);
  const Address address = Address::parse(device.address);
  if (address.kind != Address::Kind::kBle) {
    finish({LinkError::kRefused, device.address + " is no Bluetooth device: there is nothing to pair"});
    return true;
  }
  pairing_ = std::make_unique<bluez::Pairing>(links_.tree(), bluez::Target::parse(address.rest));
  turn_ = links_.arbiter().ask(links_.adapter_of(device.address), [this] {
    bluez::PairingDialog& dialog = *this;
    agent_ = std::make_unique<bluez::PairingAgent>(links_.tree(), dialog,
                                                   bluez::PairingAgent::Capability::kKeyboardDisplay);
    agent_->register_with(false, [this](const bluez::Failure& failure) {
      failure.error == LinkError::kNone ? this->act() : finish(failure);
    });
  });
  return true;
}

void PairingDesk::act() {
  const auto done = [this](const bluez::Failure& failure) { finish(failure); };
  switch (act_) {
    case Act::kPair:
      return pairing_->pair(done);
    case Act::kUnpair:
      return pairing_->unpair(done);
    case Act::kTrust:
    case Act::kDistrust:
      return pairing_->trust(act_ == Act::kTrust, done);
  }
}

// What ends is still calling, so it is taken down from the loop.
void PairingDesk::finish(const bluez::Failure& failure) {
  soon_ = links_.loop().after(0, [this, outcome = outcome_of(failure)] {
    const auto done = std::exchange(done_, nullptr);
    pairing_.reset();
    agent_.reset();
    turn_ = {};
    awaits_yes_ = nullptr;
    awaits_passkey_ = nullptr;
    device_ = 0;
    if (done) done(outcome);
  });
}

bool PairingDesk::answer(int64_t device, bool accepted, uint32_t passkey) {
  if (device != device_ || (!awaits_yes_ && !awaits_passkey_)) return false;
  const auto yes = std::exchange(awaits_yes_, nullptr);
  const auto number = std::exchange(awaits_passkey_, nullptr);
  if (yes) yes(accepted);
  if (number) number(accepted ? std::optional(passkey) : std::nullopt);
  return true;
}

void PairingDesk::ask(const std::string& question, uint32_t passkey) {
  asked_(device_, question, passkey);
}

void PairingDesk::confirm(const std::string&, uint32_t passkey, std::function<void(bool)> answer) {
  awaits_yes_ = std::move(answer);
  ask("confirm", passkey);
}

void PairingDesk::enter_passkey(const std::string&, std::function<void(std::optional<uint32_t>)> answer) {
  awaits_passkey_ = std::move(answer);
  ask("enter", 0);
}

void PairingDesk::show_passkey(const std::string&, uint32_t passkey, uint16_t) {
  ask("show", passkey);
}

void PairingDesk::authorize(const std::string&, std::function<void(bool)> answer) {
  awaits_yes_ = std::move(answer);
  ask("authorize", 0);
}

void PairingDesk::cancel() {
  awaits_yes_ = nullptr;
  awaits_passkey_ = nullptr;
  ask("cancel", 0);
}

}  // namespace roost::host::daemon
