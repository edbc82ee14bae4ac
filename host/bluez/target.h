// Which device is meant: what people give to --to, and what bluetoothd knows.
#pragma once

#include <optional>
#include <string>

#include "host/bluez/object_tree.h"

namespace roost::host::bluez {

struct Target {
  enum class Kind { kAny, kAddress, kName, kDeviceId };
  Kind kind = Kind::kAny;
  std::string text;     // address and device id in upper and lower case respectively, as compared
  std::string adapter;  // "hci0"; empty: the first adapter

  // "C0:FF:EE:00:00:01" is an address, 32 hexadecimal digits a device id, nothing means any Roost device, all else
  // is a name. "hci1/..." before it names the adapter.
  static Target parse(const std::string& text);
  // For sentences: "left-hand", "any Roost device".
  std::string describe() const;
};

struct Candidate {
  std::string path;
  std::string address;
  std::string name;
  std::optional<int16_t> rssi;  // absent when it was not heard since discovery began
  dbus::ByteString service_data;
  bool advertises_roost = false;  // by service UUID or service data, now or when last connected
  bool connected = false;
  bool paired = false;
};

// What bluetoothd knows of the device at that path; nothing when there is no such device.
std::optional<Candidate> candidate_at(const ObjectTree& tree, const std::string& path);

// Every device of the adapter, Roost's first, then by address.
std::vector<Candidate> candidates_of(const ObjectTree& tree, const std::string& adapter_path);

// Whether name or address fits. For a device id every Roost device fits: only its Info tells.
bool may_be(const Target& target, const Candidate& candidate);

// What bluetoothd calls the device: its name, else its address.
std::string label_of(const Candidate& candidate);

}  // namespace roost::host::bluez
