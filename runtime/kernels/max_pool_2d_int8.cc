// MAX_POOL_2D on int8.
#include "runtime/kernels/all.h"
#include "runtime/kernels/pooling.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  WindowShape shape;
  Range range;
};

Error prepare(Preparation& op) {
  Data data;
  ROOST_RETURN_IF_ERROR(pooling_int8(op, &data.shape, &data.range));
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const int32_t depth = data.shape.input_depth;
  const int32_t row_step = data.shape.x.input * depth;
  for_each_pool<int8_t>(op, data.shape, [&](const int8_t* in, int32_t rows, int32_t columns) {
    int8_t highest = INT8_MIN;
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) {
        const int8_t value = in[y * row_step + x * depth];
        if (value > highest) highest = value;
      }
    }
    return static_cast<int8_t>(clamp(highest, data.range.low, data.range.high));
  });
  return Error::kNone;
}

}  // namespace

const Kernel kMaxPool2dInt8 = {BuiltinOperator::MAX_POOL_2D,
                               type_bit(TensorType::INT8),
                               3,
                               1,
                               1,
                               kOneOutput | kSameType | kPerTensor | kOptions,
                               options_kind<tflite::Pool2DOptions>(),
                               prepare,
                               invoke};

}  // namespace runtime
}  // namespace roost
