#include "runtime/kernels/pooling.h"

namespace roost {
namespace runtime {

Error pooling_shape(const OperatorView& op, TensorType type, WindowShape* shape, ActivationFunctionType* activation,
                    Needs* needs) {
  WindowOptions options;
  ROOST_RETURN_IF_ERROR(window_shape(op, kPool2dWindow, type, shape, &options));
  *activation = options.activation;
  const Tensor output = op.output(0);
  if (shape->input_depth != output.dim(3)) return Error::kOperandShape;
  // No window holds more than the image, however large the filter is.
  const int32_t rows = shape->y.filter < shape->y.input ? shape->y.filter : shape->y.input;
  const int32_t columns = shape->x.filter < shape->x.input ? shape->x.filter : shape->x.input;
  needs->steps =
      static_cast<uint64_t>(output.count()) * static_cast<uint64_t>(rows) * static_cast<uint64_t>(columns);
  return Error::kNone;
}

Error pooling_int8(const OperatorView& op, WindowShape* shape, Range* range, Needs* needs) {
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(pooling_shape(op, TensorType::INT8, shape, &activation, needs));
  ROOST_RETURN_IF_ERROR(expect_same_quantisation(op.input(0), op.output(0)));
  return activation_range(activation, op.output(0), range);
}

}  // namespace runtime
}  // namespace roost
