#include "runtime/kernels/add_integer.h"

namespace roost {
namespace runtime {
namespace {

// The reference insists on factors below 1.
Error fraction_multiplier(float a, float b, float divisor, Multiplier* multiplier) {
  ROOST_RETURN_IF_ERROR(multiplier_of(a, b, divisor, multiplier));
  return multiplier->shift > 0 ? Error::kOperandQuantisation : Error::kNone;
}

}  // namespace

Error prepare_add(Preparation& op, int32_t left_shift, AddData* data) {
  ROOST_RETURN_IF_ERROR(expect_broadcast(op));
  const Tensor& a = op.in;
  const Tensor& b = op.second;
  const Tensor& output = op.out;
  ROOST_RETURN_IF_ERROR(expect_per_tensor(b));
  const auto* const options = op.options<tflite::AddOptions>();
  const ActivationFunctionType activation =
      options ? options->fused_activation_function() : ActivationFunctionType::NONE;
  ROOST_RETURN_IF_ERROR(activation_range(activation, output, &data->range));
  data->left_shift = left_shift;
  data->a_offset = -a.zero_point();
  data->b_offset = -b.zero_point();
  data->zero_point = output.zero_point();
  const float larger = a.scale() > b.scale() ? a.scale() : b.scale();
  const float twice_per_unit = 2.0f / static_cast<float>(1 << left_shift);
  ROOST_RETURN_IF_ERROR(fraction_multiplier(a.scale(), 0.5f, larger, &data->a));
  ROOST_RETURN_IF_ERROR(fraction_multiplier(b.scale(), 0.5f, larger, &data->b));
  return fraction_multiplier(larger, twice_per_unit, output.scale(), &data->output);
}

}  // namespace runtime
}  // namespace roost
