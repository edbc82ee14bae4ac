// CONV_2D on int8, with weights quantised per tensor or per channel.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(Preparation& op) {
  return prepare_int8_convolution(op, WindowKind::kConv2d);
}

}  // namespace

const Kernel kConv2dInt8 = {BuiltinOperator::CONV_2D,
                            type_bit(TensorType::INT8),
                            8,
                            2,
                            3,
                            kOneOutput | kSameType | kWeights | kOptions | kPerTensor,
                            options_kind<tflite::Conv2DOptions>(),
                            prepare,
                            invoke_int8_convolution};

}  // namespace runtime
}  // namespace roost
