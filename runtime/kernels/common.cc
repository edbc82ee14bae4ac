#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

constexpr int32_t kStepsMax = 1 << 16;

Range range_of(TensorType type) {
  return type == TensorType::INT16 ? Range{INT16_MIN, INT16_MAX} : Range{INT8_MIN, INT8_MAX};
}

// How far from the zero point a value is: the reference's round(value / scale) in single precision, halves upwards, but
// no farther than all zero points and limits lie.
int32_t steps_to(float positive_value, const Tensor& tensor) {
  const float steps = positive_value / tensor.scale();
  if (!(steps < kStepsMax)) return kStepsMax;
  const int32_t whole = static_cast<int32_t>(steps);
  return steps - static_cast<float>(whole) < 0.5f ? whole : whole + 1;
}

}  // namespace

Error expect_same_quantisation(const Tensor& a, const Tensor& b) {
  if (a.zero_point() != b.zero_point()) return Error::kOperandQuantisation;
  const float difference = a.scale() - b.scale();
  const bool near = -1e-6f <= difference && difference <= 1e-6f;
  return near ? Error::kNone : Error::kOperandQuantisation;
}

Error constant_int32s(const Tensor& tensor, Span<const int32_t>* values) {
  ROOST_RETURN_IF_ERROR(expect_type(tensor, TensorType::INT32));
  if (!tensor.constant()) return Error::kOperandNotConstant;
  *values = Span<const int32_t>(tensor.data<int32_t>(), tensor.count());
  return Error::kNone;
}

Error activation_range(ActivationFunctionType activation, const Tensor& output, Range* range) {
  *range = range_of(output.type());
  if (activation == ActivationFunctionType::NONE) return Error::kNone;
  const int32_t zero = output.zero_point();
  int32_t below = 0;
  int32_t above = kStepsMax;
  if (activation == ActivationFunctionType::RELU6) {
    above = steps_to(6.0f, output);
  } else if (activation == ActivationFunctionType::RELU_N1_TO_1) {
    above = below = steps_to(1.0f, output);
  } else if (activation != ActivationFunctionType::RELU) {
    return Error::kOptions;
  }
  range->low = clamp(zero - below, range->low, range->high);
  range->high = clamp(zero + above, range->low, range->high);
  return Error::kNone;
}

Error multiplier_of(float a, float b, float divisor, Multiplier* multiplier) {
  return to_multiplier(a, b, divisor, multiplier) ? Error::kNone : Error::kOperandQuantisation;
}

}  // namespace runtime
}  // namespace roost
