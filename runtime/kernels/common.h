// What the kernels' checks have in common. Nothing here depends on one operator.
#pragma once

#include <stdint.h>

#include "runtime/fixed_point.h"
#include "runtime/kernel.h"

namespace roost {
namespace runtime {

using tflite::ActivationFunctionType;

inline Error expect_type(const Tensor& tensor, TensorType type) {
  return tensor.type() == type ? Error::kNone : Error::kOperandType;
}

// One scale and one zero point for the whole tensor.
inline Error expect_per_tensor(const Tensor& tensor) {
  return tensor.per_tensor() ? Error::kNone : Error::kOperandQuantisation;
}

// Quantised per tensor both: the scales differ by no more than the reference lets pass (one millionth) and the zero
// points are the same.
Error expect_same_quantisation(const Tensor& a, const Tensor& b);

// A constant tensor of int32, rank 0 or 1 or more: how many values and which.
Error constant_int32s(const Tensor& tensor, Span<const int32_t>* values);

// The quantised values a fused activation lets through, of an output quantised per tensor; kOptions for the activations
// the reference does not fuse.
struct Range {
  int32_t low;
  int32_t high;
};
Error activation_range(ActivationFunctionType activation, const Tensor& output, Range* range);

// a x b / divisor in double precision, as to_multiplier has it.
Error multiplier_of(float a, float b, float divisor, Multiplier* multiplier);

// The end of every integer kernel: rescaled, shifted to the output's zero point and clamped.
inline int32_t to_output(int32_t accumulator, Multiplier multiplier, int32_t zero_point, Range range) {
  return clamp(wrapping_add(rescale(accumulator, multiplier), zero_point), range.low, range.high);
}

}  // namespace runtime
}  // namespace roost
