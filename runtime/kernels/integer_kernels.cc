#include "runtime/kernels/all.h"

namespace roost {
namespace runtime {
namespace {

const Kernel* const kList[] = {
    &kAddInt16,
    &kAddInt8,
    &kAveragePool2dInt8,
    &kConcatenation,
    &kConv2dInt8,
    &kDepthwiseConv2dInt8,
    &kFullyConnectedInt8,
    &kLogisticInt8,
    &kMaxPool2dInt8,
    &kMeanInt8,
    &kMulInt16,
    &kMulInt8,
    &kPad,
    &kPadV2,
    &kQuantizeInteger,
    &kRelu6Int8,
    &kReluInt8,
    &kReshape,
    &kSoftmaxInt8,
    &kStridedSlice,
    &kSvdfInt8,
};

}  // namespace

KernelList integer_kernels() {
  return KernelList(kList);
}

}  // namespace runtime
}  // namespace roost
