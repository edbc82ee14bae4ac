// Every kernel there is. An application that lists its own links only those; the lists below link what they hold.
#pragma once

#include "runtime/kernel.h"

namespace roost {
namespace runtime {

// Named by operator and by the type of the first input; those without a type take several.
extern const Kernel kAddFloat;
extern const Kernel kAddInt16;
extern const Kernel kAddInt8;
extern const Kernel kAveragePool2dFloat;
extern const Kernel kAveragePool2dInt8;
extern const Kernel kConcatenation;
extern const Kernel kConv2dFloat;
extern const Kernel kConv2dInt8;
extern const Kernel kDepthwiseConv2dFloat;
extern const Kernel kDepthwiseConv2dInt8;
extern const Kernel kDequantize;
extern const Kernel kFullyConnectedFloat;
extern const Kernel kFullyConnectedInt8;
extern const Kernel kLogisticFloat;
extern const Kernel kLogisticInt8;
extern const Kernel kMaxPool2dFloat;
extern const Kernel kMaxPool2dInt8;
extern const Kernel kMeanFloat;
extern const Kernel kMeanInt8;
extern const Kernel kMulFloat;
extern const Kernel kMulInt16;
extern const Kernel kMulInt8;
extern const Kernel kPad;
extern const Kernel kPadV2;
extern const Kernel kQuantizeFloat;
extern const Kernel kQuantizeInteger;
extern const Kernel kRelu6Float;
extern const Kernel kRelu6Int8;
extern const Kernel kReluFloat;
extern const Kernel kReluInt8;
extern const Kernel kReshape;
extern const Kernel kSoftmaxFloat;
extern const Kernel kSoftmaxInt8;
extern const Kernel kStridedSlice;
extern const Kernel kSvdfFloat;
extern const Kernel kSvdfInt8;

// All of the above.
KernelList all_kernels();

// Those that compute without floating point: models quantised throughout, inputs and outputs included.
KernelList integer_kernels();

// What small classifiers of images, gestures and keywords are made of: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED,
// AVERAGE_POOL_2D, RESHAPE and SOFTMAX on int8.
KernelList classifier_kernels();

}  // namespace runtime
}  // namespace roost
