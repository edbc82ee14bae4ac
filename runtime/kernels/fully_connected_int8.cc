// FULLY_CONNECTED on int8, with weights quantised per tensor or per output.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"
#include "runtime/kernels/fully_connected.h"

namespace roost {
namespace runtime {
namespace {

// Followed in memory by the Multipliers: one per output, or one for all.
struct Data {
  FullyConnectedShape shape;
  IntegerOutput output;
  int32_t multiplier_step;  // from one output's Multiplier to the next one's
};

// With one scale for all weights the reference multiplies the input's and the weights' scales in single precision,
// and only then goes on in double; with a scale per output it uses double throughout.
Error per_tensor_multiplier(const OperatorView& op, Multiplier* multiplier) {
  const float scales = op.input(0).scale() * op.input(1).scale();
  if (!is_usable_scale(scales)) return Error::kOperandQuantisation;
  return multiplier_of(scales, 1.0f, op.output(0).scale(), multiplier);
}

Error prepare(const OperatorView& op, Needs& needs, void* memory) {
  Data data;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(fully_connected_shape(op, TensorType::INT8, TensorType::INT32, &data.shape, &activation));
  const bool per_output = op.input(1).scale_count() > 1;
  const uint32_t taps = static_cast<uint32_t>(data.shape.depth);
  Multiplier* multipliers = multipliers_behind<Data>(memory);
  ROOST_RETURN_IF_ERROR(
      integer_convolution(op, activation, 0, taps, &data.output, per_output ? multipliers : nullptr));
  if (!per_output) {
    Multiplier multiplier;
    ROOST_RETURN_IF_ERROR(per_tensor_multiplier(op, &multiplier));
    if (multipliers) *multipliers = multiplier;
  }
  data.multiplier_step = per_output ? 1 : 0;
  needs.data_bytes = bytes_with_multipliers<Data>(per_output ? data.shape.outputs : 1);
  needs.macs = static_cast<uint64_t>(op.output(0).count()) * taps;
  needs.steps = op.output(0).count();
  if (memory) *static_cast<Data*>(memory) = data;
  return Error::kNone;
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const FullyConnectedShape& shape = data.shape;
  const IntegerOutput& output = data.output;
  const int32_t* bias = bias_of<int32_t>(op);
  const int8_t* in = op.input_data<int8_t>(0);
  int8_t* out = op.output_data<int8_t>(0);
  for (int32_t row = 0; row < shape.rows; ++row) {
    const int8_t* weights = op.input_data<int8_t>(1);
    const Multiplier* multiplier = multipliers_behind(data);
    for (int32_t i = 0; i < shape.outputs; ++i) {
      const int32_t sum = dot(in, weights, shape.depth, output.input_offset, 0);
      *out++ = output.value_of(sum, *multiplier, bias ? bias + i : nullptr);
      weights += shape.depth;
      multiplier += data.multiplier_step;
    }
    in += shape.depth;
  }
  return Error::kNone;
}

}  // namespace

const Kernel kFullyConnectedInt8 = {
    BuiltinOperator::FULLY_CONNECTED, type_bit(TensorType::INT8), 1, 12, prepare, invoke};

}  // namespace runtime
}  // namespace roost
