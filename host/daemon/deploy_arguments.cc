#include "host/daemon/deploy_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "protocol/manifest.h"

namespace roost::host::daemon {

namespace {

constexpr size_t kSelfTestBytesMax = 1024 * 1024;
constexpr size_t kLabelsMax = 1000;

// Stores the value if it has that type.
template <typename T>
auto into(T* target) {
  return [target](const dbus::Value& value) {
    const T* held = std::get_if<T>(&value);
    if (held) *target = *held;
    return held != nullptr;
  };
}

bool take_settings(const dbus::Value& value, std::vector<std::pair<std::string, std::string>>* settings) {
  const auto* dict = std::get_if<dbus::Dict>(&value);
  if (!dict) return false;
  for (const auto& [key, held] : *dict) {
    const auto* text = std::get_if<std::string>(&held);
    if (!text) return false;
    settings->emplace_back(key, *text);
  }
  return true;
}

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

}  // namespace

bool parse_deploy(const dbus::Dict& given, DeployArguments* arguments, std::string* error) {
  DeployOptions& options = arguments->options;
  PackageOptions& package = options.package;
  struct Known {
    const char* signature;
    std::function<bool(const dbus::Value&)> take;
  };
  const std::map<std::string, Known> known = {
      {"activate", {"b", into(&options.activate)}},
      {"confirm", {"b", into(&options.confirm)}},
      {"force", {"b", into(&options.force)}},
      {"name", {"s", into(&package.name)}},
      {"version", {"s", into(&package.version)}},
      {"hardware", {"s", into(&package.hardware)}},
      {"labels", {"as", into(&package.body.labels)}},
      {"settings",
       {"a{sv} of strings",
        [&](const dbus::Value& value) { return take_settings(value, &package.body.key_values); }}},
      {"self-test", {"s", into(&options.self_test)}},
      {"confirm-after", {"u", into(&package.confirm_after)}},
      {"warm-up", {"u", into(&package.warm_up)}},
      {"attempts", {"y", into(&package.attempts)}},
      {"counter", {"t", into(&package.counter)}},
      {"retry-for", {"u", into(&arguments->retry_for_s)}},
  };
  for (const auto& [name, value] : given) {
    const auto found = known.find(name);
    if (found == known.end()) {
      *error = fmt::format("there is no option \"{}\"", name);
      return false;
    }
    if (found->second.take(value)) continue;
    *error = fmt::format("option \"{}\" is of type {}", name, found->second.signature);
    return false;
  }
  const bool too_long =
      package.name.size() > protocol::kNameBytesMax || package.version.size() > protocol::kVersionBytesMax ||
      package.hardware.size() > protocol::kHardwareBytesMax || options.self_test.size() > kSelfTestBytesMax ||
      package.body.labels.size() > kLabelsMax || arguments->retry_for_s > kRetryForMaxS;
  if (too_long || has_control(package.name) || has_control(package.version)) {
    *error = fmt::format(
        "out of range: name at most {} bytes, version {}, hardware {}, self-test {}, none with control characters; "
        "at most {} labels; retry-for at most {} s",
        protocol::kNameBytesMax, protocol::kVersionBytesMax, protocol::kHardwareBytesMax, kSelfTestBytesMax,
        kLabelsMax, kRetryForMaxS);
    return false;
  }
  if (options.confirm && !options.activate) {
    *error = "\"confirm\" needs the model to be active: leave \"activate\" out";
    return false;
  }
  return true;
}

}  // namespace roost::host::daemon
