// The pairing agent: bluetoothd asks it, it asks a PairingDialog, which is a person at a terminal, a daemon's
// client, or a rule. One per process that pairs, or lets itself be paired with.
//
//   PairingAgent agent(bus, dialog, PairingAgent::Capability::kKeyboardDisplay);
//   agent.register_with(tree, /*as_default=*/true, [](const Failure& failure) { ... });
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "host/bluez/failure.h"
#include "host/bluez/object_tree.h"
#include "host/dbus/object_server.h"

namespace roost::host::bluez {

// What pairing asks of people. `device` is its name or address. Answers may come later; an answer that is dropped
// refuses. `cancel` withdraws what was asked.
class PairingDialog {
 public:
  virtual ~PairingDialog() = default;
  // Numeric comparison: does the device show the same number?
  virtual void confirm(const std::string& device, uint32_t passkey, std::function<void(bool)> answer) = 0;
  // The device shows a passkey, which is to be typed here (0 to 999999); nothing refuses.
  virtual void enter_passkey(const std::string& device, std::function<void(std::optional<uint32_t>)> answer) = 0;
  // To be typed on the device. Called again as digits are typed there.
  virtual void show_passkey(const std::string& device, uint32_t passkey, uint16_t entered) = 0;
  // Just Works, asked for by the other side: is pairing wanted at all?
  virtual void authorize(const std::string& device, std::function<void(bool)> answer) = 0;
  virtual void cancel() = 0;
};

class PairingAgent {
 public:
  // What this side has, which decides how both sides pair.
  enum class Capability { kNoInputNoOutput, kDisplayOnly, kDisplayYesNo, kKeyboardOnly, kKeyboardDisplay };

  // Borrows tree and dialog.
  PairingAgent(ObjectTree& tree, PairingDialog& dialog, Capability capability);
  ~PairingAgent();
  PairingAgent(const PairingAgent&) = delete;
  PairingAgent& operator=(const PairingAgent&) = delete;

  // `done` gets kNone, or why not. The default agent is asked when others begin to pair. Registered again by itself
  // when bluetoothd was restarted.
  void register_with(bool as_default, std::function<void(const Failure&)> done);

 private:
  std::vector<dbus::Interface> interfaces();
  void send_registration();
  std::string name_of(const std::string& device_path) const;
  void answer_confirmation(dbus::MethodCall call, bool just_works);

  ObjectTree& tree_;
  PairingDialog& dialog_;
  const Capability capability_;
  bool as_default_ = false;
  std::function<void(const Failure&)> done_;
  dbus::ObjectServer server_;
  ObjectTree::Observation observation_;
  dbus::PendingCall pending_;
};

// For devices without buttons: Just Works is agreed to, everything else refused or, for a passkey, told to `say`.
class UnattendedDialog final : public PairingDialog {
 public:
  explicit UnattendedDialog(std::function<void(const std::string&)> say) : say_(std::move(say)) {}
  void confirm(const std::string& device, uint32_t passkey, std::function<void(bool)> answer) override;
  void enter_passkey(const std::string& device, std::function<void(std::optional<uint32_t>)> answer) override;
  void show_passkey(const std::string& device, uint32_t passkey, uint16_t entered) override;
  void authorize(const std::string& device, std::function<void(bool)> answer) override;
  void cancel() override {}

 private:
  std::function<void(const std::string&)> say_;
};

// A person at a terminal: questions on stderr, answers as lines on stdin, which must be a terminal or a pipe (a
// file cannot be watched).
class TerminalDialog final : public PairingDialog {
 public:
  explicit TerminalDialog(Loop& loop) : loop_(loop) {}
  void confirm(const std::string& device, uint32_t passkey, std::function<void(bool)> answer) override;
  void enter_passkey(const std::string& device, std::function<void(std::optional<uint32_t>)> answer) override;
  void show_passkey(const std::string& device, uint32_t passkey, uint16_t entered) override;
  void authorize(const std::string& device, std::function<void(bool)> answer) override;
  void cancel() override;

 private:
  void ask(const std::string& question, std::function<void(const std::string&)> answer);
  void handle_input();

  Loop& loop_;
  Loop::Source input_;
  std::string line_;
  std::function<void(const std::string&)> answer_;
};

}  // namespace roost::host::bluez
