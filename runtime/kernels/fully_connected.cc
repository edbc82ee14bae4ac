#include "runtime/kernels/fully_connected.h"

#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {

Error fully_connected_shape(const Preparation& op, TensorType bias_type, FullyConnectedShape* shape,
                            ActivationFunctionType* activation) {
  const Tensor& input = op.in;
  const Tensor weights = op.input(1);
  const Tensor& output = op.out;
  const auto* const options = op.options<tflite::FullyConnectedOptions>();
  if (options->weights_format() != tflite::FullyConnectedWeightsFormat::DEFAULT) return Error::kOptions;
  *activation = options->fused_activation_function();
  if (weights.rank() != 2 || output.rank() < 1) return Error::kOperandShape;
  shape->outputs = weights.dim(0);
  shape->depth = weights.dim(1);
  const uint32_t depth = static_cast<uint32_t>(shape->depth);
  const uint32_t rows = input.count() / depth;
  shape->rows = static_cast<int32_t>(rows);
  const bool whole_rows = input.count() % depth == 0;
  const bool output_fits = output.dim(output.rank() - 1) == shape->outputs &&
                           output.count() == static_cast<uint64_t>(rows) * static_cast<uint32_t>(shape->outputs);
  if (!whole_rows || !output_fits) return Error::kOperandShape;
  return expect_bias(op, bias_type, shape->outputs);
}

}  // namespace runtime
}  // namespace roost
