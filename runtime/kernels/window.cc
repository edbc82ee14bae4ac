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
  if (taps.origin < 0) taps.first = (dilation - 1 - taps.origin) / dilation;
  if (room <= (filter - 1) * dilation) taps.end = (room + dilation - 1) / dilation;
  return taps;
}

namespace {

// All but the padding of `window` is what the operator says.
Error complete(tflite::Padding padding, Window* window) {
  const int32_t filter = window->filter;
  const int32_t stride = window->stride;
  if (filter < 1 || stride < 1 || window->dilation < 1) return Error::kOptions;
  if (static_cast<int64_t>(filter - 1) * window->dilation >= kReachMax || stride > kReachMax) {
    return Error::kOverflow;
  }
  const int32_t reach = (filter - 1) * window->dilation + 1;
  int32_t expected = 0;
  switch (padding) {
    case tflite::Padding::SAME:
      expected = (window->input + stride - 1) / stride;
      break;
    case tflite::Padding::VALID:
      expected = reach > window->input ? 0 : (window->input - reach) / stride + 1;
      break;
    default:
      return Error::kOptions;
  }
  if (window->output != expected || expected < 1) return Error::kOperandShape;
  const int32_t missing = (expected - 1) * stride + reach - window->input;
  window->padding = missing > 0 ? missing / 2 : 0;
  return Error::kNone;
}

}  // namespace

const WindowOperator kConv2dWindow = {
    tflite::Conv2DOptions::VT_FUSED_ACTIVATION_FUNCTION,
    tflite::Conv2DOptions::VT_DILATION_W_FACTOR,
    0,
    0,
};
const WindowOperator kDepthwiseConv2dWindow = {
    tflite::DepthwiseConv2DOptions::VT_FUSED_ACTIVATION_FUNCTION,
    tflite::DepthwiseConv2DOptions::VT_DILATION_W_FACTOR,
    0,
    tflite::DepthwiseConv2DOptions::VT_DEPTH_MULTIPLIER,
};
const WindowOperator kPool2dWindow = {
    tflite::Pool2DOptions::VT_FUSED_ACTIVATION_FUNCTION,
    0,
    tflite::Pool2DOptions::VT_FILTER_WIDTH,
    0,
};

Error window_shape(const Preparation& op, const WindowOperator& kind, WindowShape* shape, WindowOptions* options) {
  const bool pools = kind.filter != 0;
  const Tensor& input = op.in;
  const Tensor& output = op.out;
  const Tensor filter = op.input(pools ? 0 : 1);
  if (input.rank() != 4 || output.rank() != 4 || filter.rank() != 4 || input.dim(0) != output.dim(0)) {
    return Error::kOperandShape;
  }
  shape->batches = input.dim(0);
  shape->input_depth = input.dim(3);

  // Padding and strides are the first fields of all of them.
  const flatbuffers::Table& table = *op.options<flatbuffers::Table>();
  const auto byte = [&](uint8_t field) { return table.GetField<int8_t>(field, 0); };
  const auto number = [&](uint32_t field, int32_t otherwise) {
    return table.GetField<int32_t>(static_cast<flatbuffers::voffset_t>(field), otherwise);
  };
  options->activation = static_cast<ActivationFunctionType>(byte(kind.activation));
  options->depth_multiplier = kind.depth_multiplier != 0 ? number(kind.depth_multiplier, 0) : 0;
  const auto padding = static_cast<tflite::Padding>(byte(tflite::Conv2DOptions::VT_PADDING));
  for (uint32_t dimension = 1; dimension <= 2; ++dimension) {
    const uint32_t height = dimension == 1 ? sizeof(flatbuffers::voffset_t) : 0;
    Window* window = dimension == 1 ? &shape->y : &shape->x;
    window->input = input.dim(dimension);
    window->output = output.dim(dimension);
    window->filter = pools ? number(kind.filter + height, 0) : filter.dim(dimension);
    window->stride = number(tflite::Conv2DOptions::VT_STRIDE_W + height, 0);
    window->dilation = kind.dilation != 0 ? number(kind.dilation + height, 1) : 1;
    ROOST_RETURN_IF_ERROR(complete(padding, window));
  }
  return Error::kNone;
}

}  // namespace runtime
}  // namespace roost
