// CONV_2D on int8, with weights quantised per tensor or per channel.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(const OperatorView& op, Needs& needs, void* memory) {
  return prepare_int8_convolution(op, kConv2dWindow, needs, memory);
}

// What of one input row the filter sees: `runs` pieces of `length` neighbouring values, `step` apart.
struct Runs {
  int32_t count;
  int32_t length;
  int32_t step;
};

// Neighbouring taps see neighbouring values where they do not jump, over columns or over the channels of other
// groups.
Runs runs_of(const ConvolutionShape& shape, const Window::Taps& columns) {
  const int32_t taps = columns.end - columns.first;
  if (shape.x.dilation == 1 && shape.group_depth == shape.input_depth) return {1, taps * shape.group_depth, 0};
  return {taps, shape.group_depth, shape.x.dilation * shape.input_depth};
}

void convolve(const Int8Position& at, int8_t* out) {
  const ConvolutionShape& shape = at.convolution.shape;
  const int32_t input_offset = at.convolution.output.input_offset;
  const Runs runs = runs_of(shape, at.columns);
  const int32_t filter_row = shape.x.filter * shape.group_depth;
  const int32_t image_row = shape.x.input * shape.input_depth;
  const int8_t* filter = at.filter + at.columns.first * shape.group_depth;
  const int8_t* group = at.image + (at.columns.origin + at.columns.first * shape.x.dilation) * shape.input_depth;
  int32_t left_in_group = shape.depth_per_group;
  for (int32_t channel = 0; channel < shape.output_depth; ++channel) {
    int32_t sum = 0;
    for (int32_t tap = at.rows.first; tap < at.rows.end; ++tap) {
      const int8_t* in = group + (at.rows.origin + tap * shape.y.dilation) * image_row;
      const int8_t* weights = filter + tap * filter_row;
      for (int32_t run = 0; run < runs.count; ++run) {
        sum = dot(in, weights, runs.length, input_offset, sum);
        in += runs.step;
        weights += runs.length;
      }
    }
    out[channel] = at.value_of(channel, sum);
    filter += shape.y.filter * filter_row;
    if (--left_in_group == 0) {
      left_in_group = shape.depth_per_group;
      group += shape.group_depth;
    }
  }
}

Error invoke(const OperatorView& op, const void* memory) {
  return invoke_int8_convolution(op, memory, convolve);
}

}  // namespace

const Kernel kConv2dInt8 = {BuiltinOperator::CONV_2D, type_bit(TensorType::INT8), 1, 8, prepare, invoke};

}  // namespace runtime
}  // namespace roost
