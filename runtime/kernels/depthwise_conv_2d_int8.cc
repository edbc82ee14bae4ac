// DEPTHWISE_CONV_2D on int8, with weights quantised per tensor or per channel.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(Preparation& op) {
  return prepare_int8_convolution(op, WindowKind::kDepthwiseConv2d);
}

}  // namespace

const Kernel kDepthwiseConv2dInt8 = {BuiltinOperator::DEPTHWISE_CONV_2D,
                                     type_bit(TensorType::INT8),
                                     7,
                                     2,
                                     3,
                                     kOneOutput | kSameType | kWeights | kOptions | kPerTensor,
                                     options_kind<tflite::DepthwiseConv2DOptions>(),
                                     prepare,
                                     invoke_int8_convolution};

}  // namespace runtime
}  // namespace roost
