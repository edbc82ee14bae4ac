#include "host/bluez/agent.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>

#include "host/bluez/names.h"
#include "host/bluez/target.h"

namespace roost::host::bluez {

using dbus::Message;
using dbus::MethodCall;
using dbus::ObjectPath;

namespace {

constexpr char kAgentPath[] = "/org/roost/agent";
constexpr char kRejected[] = "org.bluez.Error.Rejected";
constexpr uint32_t kCallTimeoutMs = 5000;
constexpr uint32_t kPasskeyMax = 999999;

const char* name_of_capability(PairingAgent::Capability capability) {
  switch (capability) {
    case PairingAgent::Capability::kNoInputNoOutput:
      return "NoInputNoOutput";
    case PairingAgent::Capability::kDisplayOnly:
      return "DisplayOnly";
    case PairingAgent::Capability::kDisplayYesNo:
      return "DisplayYesNo";
    case PairingAgent::Capability::kKeyboardOnly:
      return "KeyboardOnly";
    case PairingAgent::Capability::kKeyboardDisplay:
      return "KeyboardDisplay";
  }
  return "";
}

std::string six_digits(uint32_t passkey) {
  char text[16];
  snprintf(text, sizeof text, "%06u", passkey);
  return text;
}

}  // namespace

PairingAgent::PairingAgent(ObjectTree& tree, PairingDialog& dialog, Capability capability)
    : tree_(tree), dialog_(dialog), capability_(capability), server_(tree.bus(), kAgentPath) {
  server_.add(kAgentPath, interfaces());
}

PairingAgent::~PairingAgent() {
  Message call = Message::call(kService, "/org/bluez", kAgentManager, "UnregisterAgent");
  tree_.bus().send(call.append(ObjectPath(kAgentPath)));
}

void PairingAgent::register_with(bool as_default, std::function<void(const Failure&)> done) {
  as_default_ = as_default;
  done_ = std::move(done);
  observation_ = tree_.observe([this](const ObjectTree::Change& change) {
    if (change.kind == ObjectTree::Change::Kind::kState && tree_.state() == ObjectTree::State::kReady) {
      send_registration();
    }
  });
  send_registration();
}

void PairingAgent::send_registration() {
  Message call = Message::call(kService, "/org/bluez", kAgentManager, "RegisterAgent");
  call.append(ObjectPath(kAgentPath), name_of_capability(capability_));
  pending_ = tree_.bus().call(call, kCallTimeoutMs, [this](const Message& reply) {
    const bool registered = !reply.is_error() || reply.error_name() == "org.bluez.Error.AlreadyExists";
    if (registered && as_default_) {
      Message request = Message::call(kService, "/org/bluez", kAgentManager, "RequestDefaultAgent");
      tree_.bus().send(request.append(ObjectPath(kAgentPath)));
    }
    auto done = std::exchange(done_, nullptr);
    if (done) done(registered ? Failure{LinkError::kNone, "", Failure::Retry::kNever} : explain(reply, "pairing"));
  });
}

std::string PairingAgent::name_of(const std::string& device_path) const {
  const auto candidate = candidate_at(tree_, device_path);
  return candidate ? label_of(*candidate) : "an unknown device";
}

void PairingAgent::answer_confirmation(MethodCall call, bool just_works) {
  ObjectPath device;
  uint32_t passkey = 0;
  (void)(just_works ? call.message().read(&device) : call.message().read(&device, &passkey));
  auto held = std::make_shared<MethodCall>(std::move(call));
  auto answer = [held](bool yes) { yes ? held->reply() : held->fail(kRejected, "refused"); };
  if (just_works) {
    dialog_.authorize(name_of(device.text), answer);
  } else {
    dialog_.confirm(name_of(device.text), passkey, answer);
  }
}

std::vector<dbus::Interface> PairingAgent::interfaces() {
  auto reply = [](MethodCall call) { call.reply(); };
  auto refuse = [](MethodCall call) { call.fail(kRejected, "there are no PIN codes in Bluetooth Low Energy"); };
  dbus::Interface agent{.name = kAgent};
  agent.methods = {{"Release", {}, {}, reply},
                   {"RequestPinCode", {{"device", "o"}}, {{"pincode", "s"}}, refuse},
                   {"DisplayPinCode", {{"device", "o"}, {"pincode", "s"}}, {}, refuse},
                   {"RequestPasskey",
                    {{"device", "o"}},
                    {{"passkey", "u"}},
                    [this](MethodCall call) {
                      ObjectPath device;
                      (void)call.message().read(&device);
                      auto held = std::make_shared<MethodCall>(std::move(call));
                      dialog_.enter_passkey(name_of(device.text), [held](std::optional<uint32_t> passkey) {
                        passkey&&* passkey <= kPasskeyMax ? held->reply(*passkey)
                                                          : held->fail(kRejected, "no passkey");
                      });
                    }},
                   {"DisplayPasskey",
                    {{"device", "o"}, {"passkey", "u"}, {"entered", "q"}},
                    {},
                    [this](MethodCall call) {
                      ObjectPath device;
                      uint32_t passkey = 0;
                      uint16_t entered = 0;
                      (void)call.message().read(&device, &passkey, &entered);
                      dialog_.show_passkey(name_of(device.text), passkey, entered);
                      call.reply();
                    }},
                   {"RequestConfirmation",
                    {{"device", "o"}, {"passkey", "u"}},
                    {},
                    [this](MethodCall call) { answer_confirmation(std::move(call), false); }},
                   {"RequestAuthorization",
                    {{"device", "o"}},
                    {},
                    [this](MethodCall call) { answer_confirmation(std::move(call), true); }},
                   {"AuthorizeService", {{"device", "o"}, {"uuid", "s"}}, {}, reply},
                   {"Cancel", {}, {}, [this](MethodCall call) {
                      dialog_.cancel();
                      call.reply();
                    }}};
  return {agent};
}

// ---- nobody there

void UnattendedDialog::confirm(const std::string& device, uint32_t, std::function<void(bool)> answer) {
  say_("pairing with " + device + " refused: nobody is here to compare numbers");
  answer(false);
}
void UnattendedDialog::enter_passkey(const std::string& device,
                                     std::function<void(std::optional<uint32_t>)> answer) {
  say_("pairing with " + device + " refused: nobody is here to type a passkey");
  answer(std::nullopt);
}
void UnattendedDialog::show_passkey(const std::string& device, uint32_t passkey, uint16_t entered) {
  if (entered == 0) say_("passkey for " + device + ": " + six_digits(passkey));
}
void UnattendedDialog::authorize(const std::string& device, std::function<void(bool)> answer) {
  say_("paired with " + device + " without a passkey");
  answer(true);
}

// ---- a person

void TerminalDialog::ask(const std::string& question, std::function<void(const std::string&)> answer) {
  fprintf(stderr, "%s ", question.c_str());
  fflush(stderr);
  answer_ = std::move(answer);
  line_.clear();
  input_ = loop_.watch(STDIN_FILENO, EPOLLIN, [this](uint32_t) { handle_input(); });
}

void TerminalDialog::handle_input() {
  char c;
  const ssize_t size = read(STDIN_FILENO, &c, 1);
  if (size == 1 && c != '\n') {
    line_.push_back(c);
    return;
  }
  input_ = {};
  if (auto answer = std::exchange(answer_, nullptr)) answer(size == 1 ? line_ : "");
}

void TerminalDialog::confirm(const std::string& device, uint32_t passkey, std::function<void(bool)> answer) {
  ask("Does " + device + " show " + six_digits(passkey) + "? [y/n]",
      [answer](const std::string& line) { answer(line == "y" || line == "yes"); });
}
void TerminalDialog::enter_passkey(const std::string& device, std::function<void(std::optional<uint32_t>)> answer) {
  ask("Passkey that " + device + " shows:", [answer](const std::string& line) {
    const bool digits =
        !line.empty() && line.size() <= 6 && line.find_first_not_of("0123456789") == std::string::npos;
    answer(digits ? std::optional(static_cast<uint32_t>(std::stoul(line))) : std::nullopt);
  });
}
void TerminalDialog::show_passkey(const std::string& device, uint32_t passkey, uint16_t entered) {
  if (entered == 0) fprintf(stderr, "Type %s on %s\n", six_digits(passkey).c_str(), device.c_str());
}
void TerminalDialog::authorize(const std::string& device, std::function<void(bool)> answer) {
  ask("Pair with " + device + "? [y/n]",
      [answer](const std::string& line) { answer(line == "y" || line == "yes"); });
}
void TerminalDialog::cancel() {
  input_ = {};
  answer_ = nullptr;
  fprintf(stderr, "\npairing was cancelled\n");
}

}  // namespace roost::host::bluez
