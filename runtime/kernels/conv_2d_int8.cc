// CONV_2D on int8, with weights quantised per tensor or per channel.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {
namespace {

// Followed in memory by one Multiplier per output channel.
struct Data {
  ConvolutionShape shape;
  IntegerOutput output;
};

Error prepare(const OperatorView& op, Needs& needs, void* memory) {
  Data data;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(conv_2d_shape(op, TensorType::INT8, TensorType::INT32, &data.shape, &activation));
  const uint64_t taps = op.input(1).count() / static_cast<uint32_t>(data.shape.output_depth);
  Multiplier* multipliers = multipliers_behind<Data>(memory);
  ROOST_RETURN_IF_ERROR(integer_convolution(op, activation, 0, taps, &data.output, multipliers));
  needs.data_bytes = bytes_with_multipliers<Data>(data.shape.output_depth);
  needs.macs = convolution_macs(op, data.shape);
  needs.steps = op.output(0).count();
  if (memory) *static_cast<Data*>(memory) = data;
  return Error::kNone;
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

class Convolution {
 public:
  Convolution(const OperatorView& op, const Data& data)
      : shape_(data.shape),
        output_(data.output),
        multipliers_(multipliers_behind(data)),
        filter_(op.input(1).data<int8_t>()),
        bias_(bias_of<int32_t>(op)) {}

  // All channels of one output position; `image` is the input of its batch.
  void position(const int8_t* image, const Window::Taps& rows, const Window::Taps& columns, int8_t* out) const {
    const Runs runs = runs_of(shape_, columns);
    const int32_t filter_row = shape_.x.filter * shape_.group_depth;
    const int32_t image_row = shape_.x.input * shape_.input_depth;
    const int32_t first_column = (columns.origin + columns.first * shape_.x.dilation) * shape_.input_depth;
    const int8_t* filter = filter_ + columns.first * shape_.group_depth;
    int32_t left_in_group = shape_.depth_per_group;
    const int8_t* group = image + first_column;
    for (int32_t channel = 0; channel < shape_.output_depth; ++channel) {
      int32_t sum = 0;
      for (int32_t tap = rows.first; tap < rows.end; ++tap) {
        const int8_t* in = group + (rows.origin + tap * shape_.y.dilation) * image_row;
        const int8_t* weights = filter + tap * filter_row;
        for (int32_t run = 0; run < runs.count; ++run) {
          sum = dot(in, weights, runs.length, output_.input_offset, sum);
          in += runs.step;
          weights += runs.length;
        }
      }
      if (bias_) sum = wrapping_add(sum, bias_[channel]);
      out[channel] = static_cast<int8_t>(to_output(sum, multipliers_[channel], output_.zero_point, output_.range));
      filter += shape_.y.filter * filter_row;
      if (--left_in_group == 0) {
        left_in_group = shape_.depth_per_group;
        group += shape_.group_depth;
      }
    }
  }

 private:
  const ConvolutionShape& shape_;
  const IntegerOutput& output_;
  const Multiplier* multipliers_;
  const int8_t* filter_;
  const int32_t* bias_;
};

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const ConvolutionShape& shape = data.shape;
  const Convolution convolution(op, data);
  const int8_t* image = op.input(0).data<int8_t>();
  int8_t* out = op.output(0).mutable_data<int8_t>();
  for (int32_t batch = 0; batch < shape.batches; ++batch) {
    for (int32_t y = 0; y < shape.y.output; ++y) {
      const Window::Taps rows = shape.y.taps(y);
      for (int32_t x = 0; x < shape.x.output; ++x) {
        convolution.position(image, rows, shape.x.taps(x), out);
        out += shape.output_depth;
      }
    }
    image += shape.y.input * shape.x.input * shape.input_depth;
  }
  return Error::kNone;
}

}  // namespace

const Kernel kConv2dInt8 = {BuiltinOperator::CONV_2D, type_bit(TensorType::INT8), 1, 8, prepare, invoke};

}  // namespace runtime
}  // namespace roost
