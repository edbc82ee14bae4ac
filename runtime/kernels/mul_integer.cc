#include "runtime/kernels/mul_integer.h"

namespace roost {
namespace runtime {

Error prepare_mul(const OperatorView& op, Needs* needs, MulData* data) {
  ROOST_RETURN_IF_ERROR(expect_broadcast(op, needs));
  const Tensor a = op.input(0);
  const Tensor b = op.input(1);
  const Tensor output = op.output(0);
  ROOST_RETURN_IF_ERROR(expect_per_tensor(a));
  ROOST_RETURN_IF_ERROR(expect_per_tensor(b));
  const tflite::MulOptions* options;
  ROOST_RETURN_IF_ERROR(op.options(&options));
  const ActivationFunctionType activation =
      options ? options->fused_activation_function() : ActivationFunctionType::NONE;
  ROOST_RETURN_IF_ERROR(activation_range(activation, output, &data->range));
  data->a_offset = -a.zero_point();
  data->b_offset = -b.zero_point();
  data->zero_point = output.zero_point();
  if (a.type() == TensorType::INT16 && (data->a_offset != 0 || data->b_offset != 0 || data->zero_point != 0)) {
    return Error::kOperandQuantisation;
  }
  return multiplier_of(a.scale(), b.scale(), output.scale(), &data->output);
}

}  // namespace runtime
}  // namespace roost
