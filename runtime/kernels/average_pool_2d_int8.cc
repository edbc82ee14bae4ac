// AVERAGE_POOL_2D on int8.
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
  // The sum of a window over the whole image must fit 32 bits, half the count added for rounding.
  const int64_t area = static_cast<int64_t>(data.shape.y.input) * data.shape.x.input;
  if (area > INT32_MAX / 256) return Error::kOverflow;
  return op.keep(data);
}

// Rounded to nearest, halves away from zero.
int32_t average(int32_t sum, int32_t count) {
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const int32_t depth = data.shape.input_depth;
  const int32_t row_step = data.shape.x.input * depth;
  for_each_pool<int8_t>(op, data.shape, [&](const int8_t* in, int32_t rows, int32_t columns) {
    int32_t sum = 0;
    for (int32_t y = 0; y < rows; ++y) {
      for (int32_t x = 0; x < columns; ++x) sum += in[y * row_step + x * depth];
    }
    return static_cast<int8_t>(clamp(average(sum, rows * columns), data.range.low, data.range.high));
  });
  return Error::kNone;
}

}  // namespace

const Kernel kAveragePool2dInt8 = {BuiltinOperator::AVERAGE_POOL_2D,
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
