#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

Range range_of(TensorType type) {
  return type == TensorType::INT16 ? Range{INT16_MIN, INT16_MAX} : Range{INT8_MIN, INT8_MAX};
}

// a + b where both are far from the limits or one is saturated.
int32_t saturating_add(int32_t a, int32_t b) {
  const int64_t sum = static_cast<int64_t>(a) + b;
  return sum > INT32_MAX ? INT32_MAX : (sum < INT32_MIN ? INT32_MIN : static_cast<int32_t>(sum));
}

Error multiplier_of(const Real& factor, Multiplier* multiplier) {
  return to_multiplier(factor, multiplier) ? Error::kNone : Error::kOperandQuantisation;
}

}  // namespace

Error expect_same_quantisation(const Tensor& a, const Tensor& b) {
  ROOST_RETURN_IF_ERROR(expect_per_tensor(a));
  ROOST_RETURN_IF_ERROR(expect_per_tensor(b));
  if (a.zero_point() != b.zero_point()) return Error::kOperandQuantisation;
  if (a.scale() == b.scale()) return Error::kNone;
  // In units of 2^-29; scales of 4 and more have no units, and must be equal.
  constexpr int32_t kMillionth = 536;
  const int32_t a_units = round_to_int(times_power_of_two(Real(a.scale()), 29));
  const int32_t b_units = round_to_int(times_power_of_two(Real(b.scale()), 29));
  const int32_t difference = a_units > b_units ? a_units - b_units : b_units - a_units;
  const bool near = difference <= kMillionth && a_units != INT32_MAX && b_units != INT32_MAX;
  return near ? Error::kNone : Error::kOperandQuantisation;
}

Error constant_int32s(const Tensor& tensor, Span<const int32_t>* values) {
  ROOST_RETURN_IF_ERROR(expect_type(tensor, TensorType::INT32));
  if (!tensor.constant()) return Error::kOperandNotConstant;
  *values = Span<const int32_t>(tensor.data<int32_t>(), tensor.count());
  return Error::kNone;
}

Error expect_unary(const OperatorView& op) {
  ROOST_RETURN_IF_ERROR(op.expect_operands(1, 1, 1));
  const Tensor input = op.input(0);
  const Tensor output = op.output(0);
  ROOST_RETURN_IF_ERROR(expect_type(output, input.type()));
  if (!same_shape(input, output)) return Error::kOperandShape;
  if (input.type() == TensorType::FLOAT32) return Error::kNone;
  ROOST_RETURN_IF_ERROR(expect_per_tensor(input));
  return expect_per_tensor(output);
}

int32_t quantised(float positive_value, float scale) {
  return round_to_int(quotient(Real(positive_value), Real(scale), kSingleBits));
}

Error activation_range(ActivationFunctionType activation, const Tensor& output, Range* range) {
  ROOST_RETURN_IF_ERROR(expect_per_tensor(output));
  *range = range_of(output.type());
  const int32_t zero = output.zero_point();
  int32_t low = range->low;
  int32_t high = range->high;
  switch (activation) {
    case ActivationFunctionType::NONE:
      return Error::kNone;
    case ActivationFunctionType::RELU:
      low = zero;
      break;
    case ActivationFunctionType::RELU6:
      low = zero;
      high = saturating_add(zero, quantised(6.0f, output.scale()));
      break;
    case ActivationFunctionType::RELU_N1_TO_1:
      low = saturating_add(zero, -quantised(1.0f, output.scale()));
      high = saturating_add(zero, quantised(1.0f, output.scale()));
      break;
    default:
      return Error::kOptions;
  }
  if (low > range->low) range->low = low;
  if (high < range->high) range->high = high;
  return Error::kNone;
}

Error ratio_multiplier(float a, float b, Multiplier* multiplier) {
  return multiplier_of(quotient(Real(a), Real(b), kDoubleBits), multiplier);
}

Error product_multiplier(float input, float filter, float output, Multiplier* multiplier) {
  return multiplier_of(quotient(product(input, filter), Real(output), kDoubleBits), multiplier);
}

}  // namespace runtime
}  // namespace roost
