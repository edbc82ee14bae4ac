#include "host/bluez/target.h"

#include <algorithm>
#include <cctype>

#include "host/bluez/names.h"
#include "protocol/uuids.h"

namespace roost::host::bluez {

namespace {

bool is_address(const std::string& text) {
  if (text.size() != 17) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2 ? text[i] != ':' : !isxdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

bool is_device_id(const std::string& text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(), [](unsigned char c) { return isxdigit(c); });
}

template <typename Convert>
std::string mapped(std::string text, Convert convert) {
  for (char& c : text) c = static_cast<char>(convert(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

Target Target::parse(const std::string& text) {
  Target target;
  std::string rest = text;
  const size_t slash = text.find('/');
  if (text.rfind("hci", 0) == 0 && slash != std::string::npos) {
    target.adapter = text.substr(0, slash);
    rest = text.substr(slash + 1);
  }
  target.text = rest;
  if (rest.empty()) return target;
  target.kind = Kind::kName;
  if (is_address(rest)) {
    target.kind = Kind::kAddress;
    target.text = mapped(rest, toupper);
  } else if (is_device_id(rest)) {
    target.kind = Kind::kDeviceId;
    target.text = mapped(rest, tolower);
  }
  return target;
}

std::string Target::describe() const {
  switch (kind) {
    case Kind::kAny:
      return "a Roost device";
    case Kind::kDeviceId:
      return "the device with id " + text;
    default:
      return text;
  }
}

std::optional<Candidate> candidate_at(const ObjectTree& tree, const std::string& path) {
  const dbus::Dict* device = tree.find(path, kDevice);
  if (!device) return std::nullopt;
  Candidate candidate;
  candidate.path = path;
  candidate.address = dbus::get<std::string>(*device, "Address");
  candidate.name = dbus::get<std::string>(*device, "Name");
  if (candidate.name.empty()) candidate.name = dbus::get<std::string>(*device, "Alias");
  if (device->count("RSSI")) candidate.rssi = dbus::get<int16_t>(*device, "RSSI");
  candidate.service_data =
      dbus::get<dbus::ByteString>(dbus::get<dbus::Dict>(*device, "ServiceData"), protocol::kServiceUuid);
  const auto uuids = dbus::get<std::vector<std::string>>(*device, "UUIDs");
  candidate.advertises_roost = !candidate.service_data.empty() ||
                               std::find(uuids.begin(), uuids.end(), protocol::kServiceUuid) != uuids.end();
  candidate.connected = dbus::get<bool>(*device, "Connected");
  candidate.paired = dbus::get<bool>(*device, "Paired");
  return candidate;
}

std::vector<Candidate> candidates_of(const ObjectTree& tree, const std::string& adapter_path) {
  std::vector<Candidate> candidates;
  for (const auto& [path, interfaces] : tree.objects()) {
    if (!interfaces.count(kDevice) || path.text.rfind(adapter_path + "/", 0) != 0) continue;
    if (auto candidate = candidate_at(tree, path.text)) candidates.push_back(std::move(*candidate));
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.advertises_roost > b.advertises_roost; });
  return candidates;
}

bool may_be(const Target& target, const Candidate& candidate) {
  switch (target.kind) {
    case Target::Kind::kAddress:
      return candidate.address == target.text;
    case Target::Kind::kName:
      return candidate.name == target.text;
    case Target::Kind::kAny:
    case Target::Kind::kDeviceId:
      return candidate.advertises_roost;
  }
  return false;
}

std::string label_of(const Candidate& candidate) {
  return candidate.name.empty() ? candidate.address : candidate.name;
}

}  // namespace roost::host::bluez
