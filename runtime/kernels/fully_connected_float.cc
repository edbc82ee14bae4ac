// FULLY_CONNECTED on float32.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"
#include "runtime/kernels/float_common.h"
#include "runtime/kernels/fully_connected.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  FullyConnectedShape shape;
  FloatRange range;
};

Error prepare(Preparation& op) {
  Data data;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(fully_connected_shape(op, &data.shape, &activation));
  ROOST_RETURN_IF_ERROR(activation_range(activation, &data.range));
  op.needs.macs = static_cast<uint64_t>(op.out.count()) * static_cast<uint32_t>(data.shape.depth);
  op.needs.steps = op.out.count();
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const FullyConnectedShape& shape = data.shape;
  const float* bias = op.input_data<float>(2);
  const float* in = op.input_data<float>(0);
  float* out = op.output_data<float>(0);
  for (int32_t row = 0; row < shape.rows; ++row) {
    const float* weights = op.input_data<float>(1);
    for (int32_t i = 0; i < shape.outputs; ++i) {
      float sum = 0;
      for (int32_t j = 0; j < shape.depth; ++j) sum += in[j] * weights[j];
      *out++ = clamp(sum + (bias ? bias[i] : 0.0f), data.range);
      weights += shape.depth;
    }
    in += shape.depth;
  }
  return Error::kNone;
}

}  // namespace

const Kernel kFullyConnectedFloat = {BuiltinOperator::FULLY_CONNECTED,
                                     type_bit(TensorType::FLOAT32),
                                     12,
                                     2,
                                     3,
                                     kOneOutput | kSameType | kWeights | kOptions,
                                     options_kind<tflite::FullyConnectedOptions>(),
                                     prepare,
                                     invoke};

}  // namespace runtime
}  // namespace roost
