#include "runtime/kernels/pooling.h"

namespace roost {
namespace runtime {

Error pooling_shape(const OperatorView& op, TensorType type, PoolingShape* shape,
                    ActivationFunctionType* activation, Needs* needs) {
  ROOST_RETURN_IF_ERROR(op.expect_operands(1, 1, 1));
  const Tensor input = op.input(0);
  const Tensor output = op.output(0);
  ROOST_RETURN_IF_ERROR(expect_type(input, type));
  ROOST_RETURN_IF_ERROR(expect_type(output, type));
  const tflite::Pool2DOptions* options;
  ROOST_RETURN_IF_ERROR(required_options(op, &options));
  const WindowOptions windows = {options->padding(),
                                 {options->filter_height(), options->stride_h(), 1},
                                 {options->filter_width(), options->stride_w(), 1}};
  *activation = options->fused_activation_function();
  ROOST_RETURN_IF_ERROR(make_windows(input, output, windows, &shape->y, &shape->x));
  if (input.dim(3) != output.dim(3)) return Error::kOperandShape;
  shape->batches = input.dim(0);
  shape->depth = input.dim(3);
  // No window holds more than the image, however large the filter is.
  const int32_t rows = shape->y.filter < shape->y.input ? shape->y.filter : shape->y.input;
  const int32_t columns = shape->x.filter < shape->x.input ? shape->x.filter : shape->x.input;
  needs->steps =
      static_cast<uint64_t>(output.count()) * static_cast<uint64_t>(rows) * static_cast<uint64_t>(columns);
  return Error::kNone;
}

Error pooling_int8(const OperatorView& op, PoolingShape* shape, Range* range, Needs* needs) {
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(pooling_shape(op, TensorType::INT8, shape, &activation, needs));
  ROOST_RETURN_IF_ERROR(expect_same_quantisation(op.input(0), op.output(0)));
  return activation_range(activation, op.output(0), range);
}

}  // namespace runtime
}  // namespace roost
