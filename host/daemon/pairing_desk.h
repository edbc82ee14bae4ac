// Pairs, unpairs and trusts devices for the daemon's clients, one at a time: what bluetoothd's agent is asked goes out
// as a question, and whoever may call the daemon answers it.
//
//   desk.begin(device, PairingDesk::Act::kPair, [](const Outcome& outcome) { ... });
//   // meanwhile, perhaps: asked(device.key, "confirm", 123456), and desk.answer(device.key, true, 0)
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/bluez/agent.h"
#include "host/bluez/pairing.h"
#include "host/daemon/links.h"

namespace roost::host::daemon {

class PairingDesk final : private bluez::PairingDialog {
 public:
  enum class Act { kPair, kUnpair, kTrust, kDistrust };
  // `question`: "confirm" (does the device show this passkey?), "enter" (it shows one, which is wanted), "show" (this
  // one is to be typed there; no answer), "authorize" (is pairing wanted at all?), "cancel" (what was asked is void).
  using Asked = std::function<void(int64_t device, const std::string& question, uint32_t passkey)>;

  // Borrows links.
  PairingDesk(Links& links, Asked asked) : links_(links), asked_(std::move(asked)) {}

  // `done` comes once, from the loop; kOk with the sentence that says what is achieved. False: another is under way.
  bool begin(const DeviceRecord& device, Act act, std::function<void(const Outcome&)> done);
  // False: nothing was asked about that device.
  bool answer(int64_t device, bool accepted, uint32_t passkey);

 private:
  void act();
  void finish(const bluez::Failure& failure);
  void ask(const std::string& question, uint32_t passkey);

  // bluez::PairingDialog
  void confirm(const std::string& device, uint32_t passkey, std::function<void(bool)> answer) override;
  void enter_passkey(const std::string& device, std::function<void(std::optional<uint32_t>)> answer) override;
  void show_passkey(const std::string& device, uint32_t passkey, uint16_t entered) override;
  void authorize(const std::string& device, std::function<void(bool)> answer) override;
  void cancel() override;

  Links& links_;
  const Asked asked_;
  int64_t device_ = 0;  // 0: nothing is under way
  Act act_ = Act::kPair;
  std::function<void(const Outcome&)> done_;
  AirArbiter::Turn turn_;
  std::unique_ptr<bluez::PairingAgent> agent_;
  std::unique_ptr<bluez::Pairing> pairing_;
  std::function<void(bool)> awaits_yes_;
  std::function<void(std::optional<uint32_t>)> awaits_passkey_;
  Loop::Source soon_;
};

}  // namespace roost::host::daemon
