// A device's Info for people and programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "protocol/info.h"

namespace roost::host {

// Of a device's text, fit for a terminal: '?' for each control character.
std::string string_of(protocol::Text text);
template <size_t N>
std::string string_of(const protocol::ShortText<N>& text) {
  return string_of(text.text());
}

// "trial", "rolled_back" ...: the words of --json and D-Bus.
const char* package_state_name(protocol::PackageState state);

// "gesture 2", "the built-in model", "nothing".
std::string running_name(const protocol::Info& info);

// What `roost info --json` prints.
nlohmann::ordered_json info_json(const protocol::Info& info);

}  // namespace roost::host
