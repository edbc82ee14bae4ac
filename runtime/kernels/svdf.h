// What the SVDF kernels share: shapes.
//
// Each filter multiplies the input by its feature weights, which gives one number; the last `memory` of these, kept
// in the state, are multiplied by its time weights. `rank` filters added up, with a bias, are one output.
#pragma once

#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {

enum : uint32_t { kSvdfInput = 0, kSvdfFeatureWeights = 1, kSvdfTimeWeights = 2, kSvdfBias = 3, kSvdfState = 4 };

struct SvdfShape {
  int32_t batches;
  int32_t inputs;
  int32_t filters;
  int32_t memory;
  int32_t rank;
};

// Shapes, options, the state being a variable. Types are the caller's, but for `bias_type`.
Error svdf_shape(Preparation& op, TensorType bias_type, SvdfShape* shape, ActivationFunctionType* activation);

// Everything one step older: the whole state moves down by one value. What moves from one filter's row into the
// next one's is overwritten by the newest value.
template <typename State>
void age(const SvdfShape& shape, State* state) {
  const int32_t size = shape.batches * shape.filters * shape.memory;
  for (int32_t i = 1; i < size; ++i) state[i - 1] = state[i];
}

}  // namespace runtime
}  // namespace roost
