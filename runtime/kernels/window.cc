#include "runtime/kernels/window.h"

namespace roost {
namespace runtime {
namespace {

// Tensors end at 2^28, reaches and strides here: sums of a few of them fit 32 bits.
constexpr int32_t kReachMax = INT32_MAX / 4;

constexpr uint32_t kNextField = sizeof(flatbuffers::voffset_t);

}  // namespace

Window::Taps Window::taps(int32_t position) const {
  Taps taps = {position * stride - padding, 0, filter};
  const int32_t room = input - taps.origin;
  if (taps.origin < 0) taps.first = (dilation - 1 - taps.origin) / dilation;
  if (room <= (filter - 1) * dilation) taps.end = (room + dilation - 1) / dilation;
  return taps;
}

namespace {

// All but the padding of `window` is what the operator says.
Error complete(tflite::Padding padding, Window* window) {
  const int32_t filter = window->filter;
  const int32_t stride = window->stride;
  if (padding != tflite::Padding::SAME && padding != tflite::Padding::VALID) return Error::kOptions;
  if (filter < 1 || stride < 1 || window->dilation < 1) return Error::kOptions;
  if (static_cast<int64_t>(filter - 1) * window->dilation >= kReachMax || stride > kReachMax) {
    return Error::kOverflow;
  }
  const int32_t reach = (filter - 1) * window->dilation + 1;
  // Where the window may start: on all of the input, or where it does not stick out.
  const int32_t starts = padding == tflite::Padding::SAME ? window->input : window->input - reach + 1;
  const int32_t expected = (starts + stride - 1) / stride;
  if (window->output != expected || expected < 1) return Error::kOperandShape;
  const int32_t missing = (expected - 1) * stride + reach - window->input;
  window->padding = missing > 0 ? missing / 2 : 0;
  return Error::kNone;
}

}  // namespace

Error window_shape(const Preparation& op, WindowKind kind, WindowShape* shape, ActivationFunctionType* activation) {
  const bool pools = kind == WindowKind::kPool2d;
  if (op.in.rank() != 4 || op.out.rank() != 4 || op.second.rank() != 4) return Error::kOperandShape;
  const int32_t* const input = op.in.shape().data();
  const int32_t* const output = op.out.shape().data();
  const int32_t* const filter = op.second.shape().data();
  if (input[0] != output[0]) return Error::kOperandShape;
  shape->batches = input[0];
  shape->input_depth = input[3];

  // Padding and strides are the first fields of all of them, dilations follow the activation; heights follow widths.
  const void* const options = op.options<void>();
  const auto activation_field = static_cast<flatbuffers::voffset_t>(kind);
  *activation = static_cast<ActivationFunctionType>(scalar_of<int8_t>(options, activation_field));
  const auto padding = static_cast<tflite::Padding>(scalar_of<int8_t>(options, tflite::Conv2DOptions::VT_PADDING));
  for (uint32_t axis = 1; axis <= 2; ++axis) {
    const auto number = [&](uint32_t width_field, int32_t otherwise) {
      const uint32_t field = width_field + (axis == 1 ? kNextField : 0);
      return int32_of(options, static_cast<flatbuffers::voffset_t>(field), otherwise);
    };
    Window* const window = axis == 1 ? &shape->y : &shape->x;
    window->input = input[axis];
    window->output = output[axis];
    window->filter = pools ? number(tflite::Pool2DOptions::VT_FILTER_WIDTH, 0) : filter[axis];
    window->stride = number(tflite::Conv2DOptions::VT_STRIDE_W, 0);
    window->dilation = pools ? 1 : number(activation_field + kNextField, 1);
    ROOST_RETURN_IF_ERROR(complete(padding, window));
  }
  return Error::kNone;
}

}  // namespace runtime
}  // namespace roost
