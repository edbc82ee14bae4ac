// The arithmetic of windows that slide over an image: strides, dilations and the two paddings.
#pragma once

#include <stdint.h>

#include "runtime/error.h"
#include "runtime/schema_generated.h"
#include "runtime/tensor.h"

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

// kOptions where padding, filter, stride or dilation are impossible, kOperandShape where the output is not as long
// as they make it, kOverflow where positions would not fit. Afterwards no position overflows, and with a dilation
// of 1 every output position has at least one tap inside the input.
Error make_window(tflite::Padding padding, int32_t input, int32_t filter, int32_t stride, int32_t dilation,
                  int32_t output, Window* window);

// Both axes of an image, as an operator's options and filter have them.
struct WindowOptions {
  struct Axis {
    int32_t filter;
    int32_t stride;
    int32_t dilation;
  };
  tflite::Padding padding;
  Axis y;
  Axis x;
};

// Images are batch x height x width x depth, as many going in as coming out; else kOperandShape.
Error make_windows(const Tensor& input, const Tensor& output, const WindowOptions& options, Window* y, Window* x);

}  // namespace runtime
}  // namespace roost
