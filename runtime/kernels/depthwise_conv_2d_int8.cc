// DEPTHWISE_CONV_2D on int8, with weights quantised per tensor or per channel.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(const OperatorView& op, Needs& needs, void* memory) {
  return prepare_int8_convolution(op, kDepthwiseConv2dWindow, needs, memory);
}

// `in` and `filter` point at the channel's value in the first position. Not inlined: it needs all the registers.
[[gnu::noinline]] int32_t sum_at(const Int8Position& at, const int8_t* in, const int8_t* filter) {
  const ConvolutionShape& shape = at.convolution.shape;
  const int32_t input_offset = at.convolution.output.input_offset;
  const int32_t in_step = shape.x.dilation * shape.input_depth;
  int32_t sum = 0;
  for (int32_t ky = at.rows.first; ky < at.rows.end; ++ky) {
    const int32_t y = at.rows.origin + ky * shape.y.dilation;
    const int32_t x = at.columns.origin + at.columns.first * shape.x.dilation;
    const int8_t* value = in + (y * shape.x.input + x) * shape.input_depth;
    const int8_t* weight = filter + (ky * shape.x.filter + at.columns.first) * shape.output_depth;
    for (int32_t kx = at.columns.first; kx < at.columns.end; ++kx) {
      sum += *weight * (*value + input_offset);
      value += in_step;
      weight += shape.output_depth;
    }
  }
  return sum;
}

void convolve(const Int8Position& at, int8_t* out) {
  const ConvolutionShape& shape = at.convolution.shape;
  int32_t channel = 0;
  for (int32_t in_channel = 0; in_channel < shape.input_depth; ++in_channel) {
    for (int32_t i = 0; i < shape.depth_per_group; ++i, ++channel) {
      out[channel] = at.value_of(channel, sum_at(at, at.image + in_channel, at.filter + channel));
    }
  }
}

Error invoke(const OperatorView& op, const void* memory) {
  return invoke_int8_convolution(op, memory, convolve);
}

}  // namespace

const Kernel kDepthwiseConv2dInt8 = {
    BuiltinOperator::DEPTHWISE_CONV_2D, type_bit(TensorType::INT8), 1, 7, prepare, invoke};

}  // namespace runtime
}  // namespace roost
