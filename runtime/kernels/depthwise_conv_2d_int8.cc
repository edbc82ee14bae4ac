// DEPTHWISE_CONV_2D on int8, with weights quantised per tensor or per channel.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(const OperatorView& op, Needs& needs, void* memory) {
  return prepare_int8_convolution(op, kDepthwiseConv2dWindow, needs, memory);
}

}  // namespace

const Kernel kDepthwiseConv2dInt8 = {
    BuiltinOperator::DEPTHWISE_CONV_2D, type_bit(TensorType::INT8), 1, 7, prepare, invoke_int8_convolution};

}  // namespace runtime
}  // namespace roost
