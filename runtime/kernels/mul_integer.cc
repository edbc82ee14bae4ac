#include "runtime/kernels/mul_integer.h"

namespace roost {
namespace runtime {

Error prepare_mul(Preparation& op, MulData* data) {
  ROOST_RETURN_IF_ERROR(expect_broadcast(op));
  const Tensor& a = op.in;
  const Tensor& b = op.second;
  const Tensor& output = op.out;
  ROOST_RETURN_IF_ERROR(expect_per_tensor(b));
  const auto* const options = op.options<tflite::MulOptions>();
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
