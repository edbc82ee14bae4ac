#include "runtime/kernels/all.h"

namespace roost {
namespace runtime {
namespace {

const Kernel* const kList[] = {&kAveragePool2dInt8,  &kConv2dInt8, &kDepthwiseConv2dInt8,
                               &kFullyConnectedInt8, &kReshape,    &kSoftmaxInt8};

}  // namespace

KernelList classifier_kernels() {
  return KernelList(kList);
}

}  // namespace runtime
}  // namespace roost
