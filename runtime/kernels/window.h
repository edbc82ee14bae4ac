// The arithmetic of windows that slide over an image: strides, dilations and the two paddings.
#pragma once

#include <stdint.h>

#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {

// One axis of a sliding window. Tap t of output position p looks at input position p x stride - padding + t x
// dilation; those outside the input are left out.
struct Window {
  // The taps that fall inside the input are [first, end); `origin` is where tap 0 looks, perhaps outside.
  struct Taps {
    int32_t origin;
    int32_t first;
    int32_t end;
  };
  Taps taps(int32_t position) const;

  int32_t input;
  int32_t output;
  int32_t filter;  // taps
  int32_t stride;
  int32_t dilation;
  int32_t padding;
};

// What slides a window over an image, told apart by where its options have the activation.
enum class WindowKind : flatbuffers::voffset_t {
  kConv2d = tflite::Conv2DOptions::VT_FUSED_ACTIVATION_FUNCTION,
  kDepthwiseConv2d = tflite::DepthwiseConv2DOptions::VT_FUSED_ACTIVATION_FUNCTION,
  kPool2d = tflite::Pool2DOptions::VT_FUSED_ACTIVATION_FUNCTION,
};

// Images are batch x height x width x depth, as many going in as coming out.
struct WindowShape {
  Window y;
  Window x;
  int32_t batches;
  int32_t input_depth;
};

// Input, output and weights of rank 4, options, and both axes. kOptions where padding, filter, stride or dilation are
// impossible, kOperandShape where the output is not as large as they make it, kOverflow where positions would not
// fit. Afterwards no position overflows, and with a dilation of 1 every output position has at least one tap inside
// the input.
Error window_shape(const Preparation& op, WindowKind kind, WindowShape* shape, ActivationFunctionType* activation);

}  // namespace runtime
}  // namespace roost
