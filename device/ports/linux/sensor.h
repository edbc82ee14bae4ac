// What the simulated device senses: windows from a file, one after the other, or noise where there is no file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/engine.h"

namespace roost::device {

class Sensor {
 public:
  // Noise from a xorshift32 generator (13, 17, 5): one draw an element.
  explicit Sensor(uint32_t seed) : random_(seed ? seed : 1) {}

  // Plays `path` in windows of whatever size the model's inputs have, again from the start at its end. Names of the
  // windows, where a file with the ending .json beside it has {"gestures": [...]}. False with a sentence.
  bool play(const std::string& path, std::string* error);

  // Fills one input tensor of the next window.
  void fill(const runtime::IoTensor& input);

  // What the window filled last really shows; empty where nobody knows.
  const std::string& truth() const { return truth_; }

 private:
  uint32_t draw();

  uint32_t random_;
  std::vector<uint8_t> recording_;
  std::vector<std::string> names_;
  size_t position_ = 0;
  std::string truth_;
};

}  // namespace roost::device
