#include "runtime/kernels/window.h"

namespace roost {
namespace runtime {
namespace {

// Tensors end at 2^28, reaches and strides here: sums of a few of them fit 32 bits.
constexpr int32_t kReachMax = INT32_MAX / 4;

}  // namespace

Window::Taps Window::taps(int32_t position) const {
  Taps taps = {position * stride - padding, 0, filter};
  const int32_t room = input - taps.origin;
  if (dilation == 1) {
    if (taps.origin < 0) taps.first = -taps.origin;
    if (room < filter) taps.end = room;
  } else {
    if (taps.origin < 0) taps.first = (dilation - 1 - taps.origin) / dilation;
    if (room < (filter - 1) * dilation + 1) taps.end = (room + dilation - 1) / dilation;
  }
  return taps;
}

Error make_window(tflite::Padding padding, int32_t input, int32_t filter, int32_t stride, int32_t dilation,
                  int32_t output, Window* window) {
  if (filter < 1 || stride < 1 || dilation < 1) return Error::kOptions;
  if (static_cast<int64_t>(filter - 1) * dilation >= kReachMax || stride > kReachMax) return Error::kOverflow;
  const int32_t reach = (filter - 1) * dilation + 1;
  int32_t expected = 0;
  switch (padding) {
    case tflite::Padding::SAME:
      expected = (input + stride - 1) / stride;
      break;
    case tflite::Padding::VALID:
      expected = reach > input ? 0 : (input - reach) / stride + 1;
      break;
    default:
      return Error::kOptions;
  }
  if (output != expected || output < 1) return Error::kOperandShape;
  const int32_t missing = (output - 1) * stride + reach - input;
  *window = Window{input, output, filter, stride, dilation, missing > 0 ? missing / 2 : 0};
  return Error::kNone;
}

Error make_windows(const Tensor& input, const Tensor& output, const WindowOptions& options, Window* y, Window* x) {
  if (input.rank() != 4 || output.rank() != 4 || input.dim(0) != output.dim(0)) return Error::kOperandShape;
  const WindowOptions::Axis* axis = &options.y;
  Window* window = y;
  for (uint32_t dimension = 1; dimension <= 2; ++dimension) {
    const Error error = make_window(options.padding, input.dim(dimension), axis->filter, axis->stride,
                                    axis->dilation, output.dim(dimension), window);
    if (error != Error::kNone) return error;
    axis = &options.x;
    window = x;
  }
  return Error::kNone;
}

}  // namespace runtime
}  // namespace roost
