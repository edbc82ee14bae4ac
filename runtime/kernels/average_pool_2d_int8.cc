// AVERAGE_POOL_2D on int8.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"
#include "runtime/kernels/pooling.h"

namespace roost {
namespace runtime {
namespace {

// A convolution of each channel by itself, without weights.
Error prepare(Preparation& op) {
  Int8Convolution data = {};
  ROOST_RETURN_IF_ERROR(pooling_int8(op, &data.shape, &data.range));
  // The sum of a window over the whole image must fit 32 bits, half the count added for rounding.
  const int64_t area = static_cast<int64_t>(data.shape.y.input) * data.shape.x.input;
  if (area > INT32_MAX / 256) return Error::kOverflow;
  data.shape.output_depth = data.shape.input_depth;
  data.shape.group_depth = 1;
  data.shape.depth_per_group = 1;
  return op.keep(data);
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
                                   invoke_int8_convolution};

}  // namespace runtime
}  // namespace roost
