// MAX_POOL_2D on float32.
#include <float.h>

#include "runtime/kernels/all.h"
#include "runtime/kernels/float_common.h"
#include "runtime/kernels/pooling.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  WindowShape shape;
  FloatRange range;
};

Error prepare(const OperatorView& op, Needs& needs, void* memory) {
  Data data;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(pooling_shape(op, TensorType::FLOAT32, &data.shape, &activation, &needs));
  ROOST_RETURN_IF_ERROR(activation_range(activation, &data.range));
  needs.data_bytes = sizeof(Data);
  if (memory) *static_cast<Data*>(memory) = data;
  return Error::kNone;
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const int32_t depth = data.shape.input_depth;
  const int32_t row_step = data.shape.x.input * depth;
  for_each_pool<float>(op, data.shape, [&](const float* in, int32_t rows, int32_t columns) {
    float highest = -FLT_MAX;
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) {
        const float value = in[y * row_step + x * depth];
        if (highest < value) highest = value;
      }
    }
    return clamp(highest, data.range);
  });
  return Error::kNone;
}

}  // namespace

const Kernel kMaxPool2dFloat = {BuiltinOperator::MAX_POOL_2D, type_bit(TensorType::FLOAT32), 1, 3, prepare, invoke};

}  // namespace runtime
}  // namespace roost
