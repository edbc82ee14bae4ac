#include "runtime/kernels/fully_connected.h"

#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {

Error fully_connected_shape(const Preparation& op, FullyConnectedShape* shape, ActivationFunctionType* activation) {
  const auto* const options = op.options<tflite::FullyConnectedOptions>();
  if (options->weights_format() != tflite::FullyConnectedWeightsFormat::DEFAULT) return Error::kOptions;
  *activation = options->fused_activation_function();
  if (op.second.rank() != 2 || op.out.rank() < 1) return Error::kOperandShape;
  shape->outputs = op.second.dim(0);
  shape->depth = op.second.dim(1);
  const uint32_t rows = op.out.count() / static_cast<uint32_t>(shape->outputs);
  shape->rows = static_cast<int32_t>(rows);
  if (op.out.dim(op.out.rank() - 1) != shape->outputs ||
      op.in.count() != static_cast<uint64_t>(rows) * static_cast<uint32_t>(shape->depth)) {
    return Error::kOperandShape;
  }
  return expect_bias(op, shape->outputs);
}

}  // namespace runtime
}  // namespace roost
