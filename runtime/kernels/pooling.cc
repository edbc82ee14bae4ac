#include "runtime/kernels/pooling.h"

namespace roost {
namespace runtime {

Error pooling_shape(Preparation& op, WindowShape* shape, ActivationFunctionType* activation) {
  ROOST_RETURN_IF_ERROR(window_shape(op, WindowKind::kPool2d, shape, activation));
  if (shape->input_depth != op.out.dim(3)) return Error::kOperandShape;
  // No window holds more than the image, however large the filter is.
  const int32_t rows = shape->y.filter < shape->y.input ? shape->y.filter : shape->y.input;
  const int32_t columns = shape->x.filter < shape->x.input ? shape->x.filter : shape->x.input;
  op.needs.steps =
      static_cast<uint64_t>(op.out.count()) * static_cast<uint64_t>(rows) * static_cast<uint64_t>(columns);
  return Error::kNone;
}

Error pooling_int8(Preparation& op, WindowShape* shape, Range* range) {
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(pooling_shape(op, shape, &activation));
  ROOST_RETURN_IF_ERROR(expect_same_quantisation(op.in, op.out));
  return activation_range(activation, op.out, range);
}

}  // namespace runtime
}  // namespace roost
