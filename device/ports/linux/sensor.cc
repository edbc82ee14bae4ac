#include "device/ports/linux/sensor.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace roost::device {

bool Sensor::play(const std::string& path, std::string* error) {
  std::ifstream file(path, std::ios::binary);
  recording_.assign(std::istreambuf_iterator<char>(file), {});
  if (!file || recording_.empty()) {
    *error = path + ": cannot be read, or is empty";
    return false;
  }
  std::ifstream names(std::filesystem::path(path).replace_extension(".json"));
  if (!names) return true;
  const auto json = nlohmann::json::parse(names, nullptr, false);
  if (!json.is_object() || !json.contains("gestures") || !json["gestures"].is_array()) return true;
  for (const auto& name : json["gestures"]) {
    if (name.is_string()) names_.push_back(name.get<std::string>());
  }
  return true;
}

uint32_t Sensor::draw() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  return random_;
}

void Sensor::fill(const runtime::IoTensor& input) {
  const size_t size = input.bytes.size();
  if (recording_.size() >= size && size > 0) {
    if (position_ + size > recording_.size()) position_ = 0;
    const size_t window = position_ / size;
    truth_ = window < names_.size() ? names_[window] : std::string();
    memcpy(input.bytes.data(), recording_.data() + position_, size);
    position_ += size;
    return;
  }
  truth_.clear();
  for (size_t i = 0; i < size;) {
    const uint32_t x = draw();
    uint8_t element[8] = {};
    size_t element_size = 1;
    if (input.type == runtime::TensorType::FLOAT32) {
      const float value = static_cast<float>(x >> 8) / 8388608.0f - 1.0f;
      memcpy(element, &value, sizeof value);
      element_size = 4;
    } else {
      element_size = runtime::element_size(input.type);
      const uint32_t value = element_size > 2 ? x & 7 : x;
      memcpy(element, &value, sizeof value);
    }
    for (size_t b = 0; b < element_size && i < size; ++b) input.bytes[i++] = element[b];
  }
}

}  // namespace roost::device
