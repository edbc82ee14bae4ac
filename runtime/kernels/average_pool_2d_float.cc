// AVERAGE_POOL_2D on float32.
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

Error prepare(Preparation& op) {
  Data data;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(pooling_shape(op, &data.shape, &activation));
  ROOST_RETURN_IF_ERROR(activation_range(activation, &data.range));
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const int32_t depth = data.shape.input_depth;
  const int32_t row_step = data.shape.x.input * depth;
  for_each_pool<float>(op, data.shape, [&](const float* in, int32_t rows, int32_t columns) {
    float sum = 0;
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) sum += in[y * row_step + x * depth];
    }
    return clamp(sum / static_cast<float>(rows * columns), data.range);
  });
  return Error::kNone;
}

}  // namespace

const Kernel kAveragePool2dFloat = {
    BuiltinOperator::AVERAGE_POOL_2D,  type_bit(TensorType::FLOAT32),         3,       1,     1,
    kOneOutput | kSameType | kOptions, options_kind<tflite::Pool2DOptions>(), prepare, invoke};

}  // namespace runtime
}  // namespace roost
