// What the float kernels have in common. Kernels on integers do not include this.
#pragma once

#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {

struct FloatRange {
  float low;
  float high;
};

// What a fused activation lets through; kOptions for the activations the reference does not fuse.
Error activation_range(ActivationFunctionType activation, FloatRange* range);

// As min(max(x, low), high) of the C++ library: a NaN passes through max unchanged, hence through both.
inline float clamp(float x, const FloatRange& range) {
  const float raised = x < range.low ? range.low : x;
  return range.high < raised ? range.high : raised;
}

}  // namespace runtime
}  // namespace roost
