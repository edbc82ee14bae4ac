#include "host/bluez/failure.h"

#include <filesystem>
#include <fstream>

#include "host/bluez/names.h"

namespace roost::host::bluez {

using Retry = Failure::Retry;

namespace {

struct Row {
  const char* name;  // of the D-Bus error
  const char* text;  // which its text must contain; empty: any
  LinkError error;
  Retry retry;
  const char* sentence;  // continues "<doing>: "
};

// The first row that fits counts. Names and texts are those of BlueZ 5.5x to 5.7x and of the bus itself.
const Row kRows[] = {
    {"org.freedesktop.DBus.Error.AccessDenied", "", LinkError::kNotPermitted, Retry::kNever,
     "the D-Bus policy does not let this user talk to bluetoothd; join the group `bluetooth`, or run as root"},
    {"org.freedesktop.DBus.Error.ServiceUnknown", "", LinkError::kSystem, Retry::kNever,
     "bluetoothd is not running; start it with `systemctl start bluetooth`"},
    {"org.freedesktop.DBus.Error.NameHasNoOwner", "", LinkError::kSystem, Retry::kNever,
     "bluetoothd is not running; start it with `systemctl start bluetooth`"},
    {"org.freedesktop.DBus.Error.Disconnected", "", LinkError::kSystem, Retry::kNever, "the message bus went away"},
    {"org.freedesktop.DBus.Error.NoReply", "", LinkError::kNotFound, Retry::kAgain,
     "bluetoothd gave no answer in time; the device may be out of range or asleep"},
    {"org.freedesktop.DBus.Error.UnknownObject", "", LinkError::kNotFound, Retry::kAgain,
     "bluetoothd forgot the device; is it still powered and in range?"},
    {"org.freedesktop.DBus.Error.UnknownMethod", "", LinkError::kNotFound, Retry::kAgain,
     "bluetoothd forgot the device; is it still powered and in range?"},
    {"org.bluez.Error.DoesNotExist", "", LinkError::kNotFound, Retry::kAgain,
     "bluetoothd forgot the device; is it still powered and in range?"},
    {"org.bluez.Error.NotReady", "", LinkError::kSystem, Retry::kNever,
     "the Bluetooth adapter is powered off; try `bluetoothctl power on`"},
    {"org.bluez.Error.Blocked", "", LinkError::kSystem, Retry::kNever,
     "the Bluetooth adapter is blocked; try `rfkill unblock bluetooth`"},
    {"org.bluez.Error.NotPermitted", "acquired", LinkError::kRefused, Retry::kAgain,
     "another program on this computer is using the device"},
    {"org.bluez.Error.NotPermitted", "Not paired", LinkError::kNotPermitted, Retry::kNever,
     "the device wants an encrypted link; pair with it first: `roost pair`"},
    {"org.bluez.Error.NotPermitted", "", LinkError::kNotPermitted, Retry::kNever, "the device does not permit it"},
    {"org.bluez.Error.NotAuthorized", "", LinkError::kNotPermitted, Retry::kNever,
     "the device does not permit it; pairing with it may help: `roost pair`"},
    {"org.bluez.Error.AuthenticationRejected", "", LinkError::kNotPermitted, Retry::kNever,
     "pairing was refused by the device"},
    {"org.bluez.Error.AuthenticationCanceled", "", LinkError::kNotPermitted, Retry::kNever,
     "pairing was cancelled"},
    {"org.bluez.Error.AuthenticationTimeout", "", LinkError::kNotPermitted, Retry::kNever,
     "pairing took too long; try again and answer sooner"},
    {"org.bluez.Error.AuthenticationFailed", "", LinkError::kNotPermitted, Retry::kNever,
     "pairing failed: wrong passkey, or the device forgot an earlier pairing (then: `roost unpair`, and again)"},
    {"org.bluez.Error.ConnectionAttemptFailed", "", LinkError::kNotFound, Retry::kAgain,
     "the device does not answer; is it powered and in range?"},
    {"org.bluez.Error.AlreadyExists", "", LinkError::kSystem, Retry::kNever, "it is paired already"},
    {"org.bluez.Error.InProgress", "", LinkError::kRefused, Retry::kAgain,
     "bluetoothd is busy with this device for somebody else"},
    {"org.bluez.Error.NotConnected", "", LinkError::kLost, Retry::kAgain, "the connection ended"},
    // Attribute errors of a database that is not the one bluetoothd remembers: invalid handle, not found.
    {"org.bluez.Error.Failed", "ATT error: 0x01", LinkError::kNoService, Retry::kStaleCache,
     "the device's services are not those that bluetoothd remembers"},
    {"org.bluez.Error.Failed", "ATT error: 0x0a", LinkError::kNoService, Retry::kStaleCache,
     "the device's services are not those that bluetoothd remembers"},
    // What was under way when the connection ended.
    {"org.bluez.Error.Failed", "ATT error: 0x0e", LinkError::kLost, Retry::kAgain, "the connection ended"},
    {"org.bluez.Error.Failed", "disconnecting", LinkError::kLost, Retry::kAgain, "the connection ended"},
    {"org.bluez.Error.Failed", "abort-by-local", LinkError::kNotFound, Retry::kAgain,
     "the connection could not be made; the device may be out of range, or connected to another computer"},
    {"org.bluez.Error.Failed", "Not connected", LinkError::kLost, Retry::kAgain, "the connection ended"},
};

bool fits(const Row& row, const std::string& name, const std::string& text) {
  return name == row.name && text.find(row.text) != std::string::npos;
}

// 0: not blocked, 1: soft, 2: hard. `hci` is "hci0".
int rfkill_state(const std::string& folder, const std::string& hci) {
  std::error_code ignored;
  int state = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    auto first_word = [&](const char* file) {
      std::ifstream stream(entry.path() / file);
      std::string word;
      stream >> word;
      return word;
    };
    if (first_word("type") != "bluetooth") continue;
    const std::string name = first_word("name");
    if (!name.empty() && name != hci && name.rfind("hci", 0) == 0) continue;
    if (first_word("soft") == "1") state = std::max(state, 1);
    if (first_word("hard") == "1") state = 2;
  }
  return state;
}

}  // namespace

Failure explain(const dbus::Message& reply, const std::string& doing) {
  const std::string name = reply.error_name();
  const std::string text = reply.error_text();
  for (const Row& row : kRows) {
    if (fits(row, name, text)) return {row.error, doing + ": " + row.sentence, row.retry};
  }
  // Whatever else bluetoothd says may pass; its own words are the best there are.
  return {LinkError::kSystem, doing + ": " + (text.empty() ? name : text) + " (" + name + ")", Retry::kAgain};
}

Failure explain_absence(const ObjectTree& tree) {
  if (tree.why() && tree.why().is_error()) return explain(tree.why(), "Bluetooth");
  return {LinkError::kSystem, "Bluetooth: bluetoothd stopped", Retry::kAgain};
}

Failure check_adapter(const ObjectTree& tree, const std::string& adapter, std::string* path,
                      const std::string& rfkill_folder) {
  path->clear();
  for (const auto& [object, interfaces] : tree.objects()) {
    if (!interfaces.count(kAdapter)) continue;
    if (adapter.empty() || object.text == "/org/bluez/" + adapter) {
      *path = object.text;
      break;
    }
  }
  if (path->empty()) {
    return {LinkError::kSystem,
            adapter.empty() ? "there is no Bluetooth adapter on this computer"
                            : "there is no Bluetooth adapter " + adapter + " on this computer",
            Retry::kAgain};
  }
  if (property<bool>(tree, *path, kAdapter, "Powered")) return {LinkError::kNone, "", Retry::kNever};
  const std::string hci = path->substr(path->rfind('/') + 1);
  const int blocked = rfkill_state(rfkill_folder, hci);
  if (blocked == 2) {
    return {LinkError::kSystem, "the Bluetooth adapter " + hci + " is blocked by a switch on this computer",
            Retry::kNever};
  }
  if (blocked == 1 || property<std::string>(tree, *path, kAdapter, "PowerState") == "off-blocked") {
    return {LinkError::kSystem,
            "the Bluetooth adapter " + hci + " is blocked by rfkill; try `rfkill unblock bluetooth`",
            Retry::kNever};
  }
  return {LinkError::kSystem, "the Bluetooth adapter " + hci + " is powered off; try `bluetoothctl power on`",
          Retry::kAgain};
}

}  // namespace roost::host::bluez
