// One model, a few inferences: the same on host and target, so that their bytes can be compared.
#pragma once

#include <string.h>

#include "runtime/interpreter.h"

namespace roost {
namespace target_test {

inline uint32_t input_bytes(runtime::Engine& engine) {
  size_t size = 0;
  for (uint32_t i = 0; i < engine.input_count(); ++i) size += engine.input(i).bytes.size();
  return static_cast<uint32_t>(size);
}

// All inputs one after the other.
inline void put_inputs(runtime::Engine& engine, Bytes values) {
  size_t at = 0;
  for (uint32_t i = 0; i < engine.input_count(); ++i) {
    const MutableBytes to = engine.input(i).bytes;
    memcpy(to.data(), values.data() + at, to.size());
    at += to.size();
  }
}

// The least scratch with which the gate takes the model, to 16 bytes; 0 when it takes it with none of `scratch`.
inline uint32_t least_scratch(runtime::Engine& engine, Bytes model, MutableBytes scratch) {
  uint32_t bad = 0;
  uint32_t good = static_cast<uint32_t>(scratch.size());
  if (!engine.measure(model, scratch).ok()) return 0;
  while (good - bad > 16) {
    const uint32_t middle = (good + bad) / 2;
    (engine.measure(model, scratch.first(middle)).ok() ? good : bad) = middle;
  }
  return good;
}

}  // namespace target_test
}  // namespace roost
