#include "runtime/kernels/all.h"

namespace roost {
namespace runtime {
namespace {

const Kernel* const kList[] = {
    &kAddFloat,
    &kAddInt16,
    &kAddInt8,
    &kAveragePool2dFloat,
    &kAveragePool2dInt8,
    &kConcatenation,
    &kConv2dFloat,
    &kConv2dInt8,
    &kDepthwiseConv2dFloat,
    &kDepthwiseConv2dInt8,
    &kDequantize,
    &kFullyConnectedFloat,
    &kFullyConnectedInt8,
    &kLogisticFloat,
    &kLogisticInt8,
    &kMaxPool2dFloat,
    &kMaxPool2dInt8,
    &kMeanFloat,
    &kMeanInt8,
    &kMulFloat,
    &kMulInt16,
    &kMulInt8,
    &kPad,
    &kPadV2,
    &kQuantizeFloat,
    &kQuantizeInteger,
    &kRelu6Float,
    &kRelu6Int8,
    &kReluFloat,
    &kReluInt8,
    &kReshape,
    &kSoftmaxFloat,
    &kSoftmaxInt8,
    &kStridedSlice,
    &kSvdfFloat,
    &kSvdfInt8,
};

}  // namespace

KernelList all_kernels() {
  return KernelList(kList);
}

}  // namespace runtime
}  // namespace roost
