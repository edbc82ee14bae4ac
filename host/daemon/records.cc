#include "host/daemon/records.h"

#include <iterator>
#include <nlohmann/json.hpp>

namespace roost::host::daemon {

namespace {

constexpr const char* kKinds[] = {"deploy", "activate", "confirm", "rollback", "abort", "erase"};
constexpr const char* kStates[] = {"open", "done", "failed", "cancelled"};

template <typename Enum, size_t N>
bool parse(const std::string& text, const char* const (&names)[N], Enum* value) {
  for (size_t i = 0; i < N; ++i) {
    if (text != names[i]) continue;
    *value = static_cast<Enum>(i);
    return true;
  }
  return false;
}

}  // namespace

const char* kind_name(JobKind kind) {
  return kKinds[static_cast<size_t>(kind)];
}
const char* state_name(JobState state) {
  return kStates[static_cast<size_t>(state)];
}
bool parse_kind(const std::string& text, JobKind* kind) {
  return parse(text, kKinds, kind);
}
bool parse_state(const std::string& text, JobState* state) {
  return parse(text, kStates, state);
}

std::string DeployOptions::to_json() const {
  const nlohmann::ordered_json json = {{"name", package.name},
                                       {"version", package.version},
                                       {"hardware", package.hardware},
                                       {"labels", package.body.labels},
                                       {"settings", package.body.key_values},
                                       {"confirm_after", package.confirm_after},
                                       {"warm_up", package.warm_up},
                                       {"attempts", package.attempts},
                                       {"counter", package.counter},
                                       {"self_test", self_test},
                                       {"activate", activate},
                                       {"confirm", confirm},
                                       {"force", force}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool DeployOptions::from_json(const std::string& text, DeployOptions* options) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return false;
  try {
    json.at("name").get_to(options->package.name);
    json.at("version").get_to(options->package.version);
    json.at("hardware").get_to(options->package.hardware);
    json.at("labels").get_to(options->package.body.labels);
    json.at("settings").get_to(options->package.body.key_values);
    json.at("confirm_after").get_to(options->package.confirm_after);
    json.at("warm_up").get_to(options->package.warm_up);
    json.at("attempts").get_to(options->package.attempts);
    json.at("counter").get_to(options->package.counter);
    json.at("self_test").get_to(options->self_test);
    json.at("activate").get_to(options->activate);
    json.at("confirm").get_to(options->confirm);
    json.at("force").get_to(options->force);
  } catch (const nlohmann::json::exception&) {
    return false;
  }
  return true;
}

}  // namespace roost::host::daemon
