#include "runtime/kernels/add_integer.h"

namespace roost {
namespace runtime {
namespace {

// The reference insists on factors below 1.
Error fraction_multiplier(const Real& factor, Multiplier* multiplier) {
  if (!to_multiplier(factor, multiplier) || multiplier->shift > 0) return Error::kOperandQuantisation;
  return Error::kNone;
}

}  // namespace

Error prepare_add(const OperatorView& op, int32_t left_shift, Needs* needs, AddData* data) {
  ROOST_RETURN_IF_ERROR(expect_broadcast(op, needs));
  const Tensor a = op.input(0);
  const Tensor b = op.input(1);
  const Tensor output = op.output(0);
  ROOST_RETURN_IF_ERROR(expect_per_tensor(a));
  ROOST_RETURN_IF_ERROR(expect_per_tensor(b));
  const tflite::AddOptions* options;
  ROOST_RETURN_IF_ERROR(op.options(&options));
  const ActivationFunctionType activation =
      options ? options->fused_activation_function() : ActivationFunctionType::NONE;
  ROOST_RETURN_IF_ERROR(activation_range(activation, output, &data->range));
  data->left_shift = left_shift;
  data->a_offset = -a.zero_point();
  data->b_offset = -b.zero_point();
  data->zero_point = output.zero_point();
  const Real twice_larger = times_power_of_two(Real(a.scale() > b.scale() ? a.scale() : b.scale()), 1);
  const Real output_unit = times_power_of_two(Real(output.scale()), left_shift);
  ROOST_RETURN_IF_ERROR(fraction_multiplier(quotient(Real(a.scale()), twice_larger, kDoubleBits), &data->a));
  ROOST_RETURN_IF_ERROR(fraction_multiplier(quotient(Real(b.scale()), twice_larger, kDoubleBits), &data->b));
  return fraction_multiplier(quotient(twice_larger, output_unit, kDoubleBits), &data->output);
}

}  // namespace runtime
}  // namespace roost
