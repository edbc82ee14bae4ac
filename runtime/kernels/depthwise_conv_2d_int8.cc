// DEPTHWISE_CONV_2D on int8, with weights quantised per tensor or per channel.
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
  ROOST_RETURN_IF_ERROR(depthwise_conv_2d_shape(op, TensorType::INT8, TensorType::INT32, &data.shape, &activation));
  const uint64_t taps = op.input(1).count() / static_cast<uint32_t>(data.shape.output_depth);
  Multiplier* multipliers = multipliers_behind<Data>(memory);
  ROOST_RETURN_IF_ERROR(integer_convolution(op, activation, 3, taps, &data.output, multipliers));
  needs.data_bytes = bytes_with_multipliers<Data>(data.shape.output_depth);
  needs.macs = convolution_macs(op, data.shape);
  needs.steps = op.output(0).count();
  if (memory) *static_cast<Data*>(memory) = data;
  return Error::kNone;
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
    for (int32_t in_channel = 0, channel = 0; in_channel < shape_.input_depth; ++in_channel) {
      for (int32_t i = 0; i < shape_.depth_per_group; ++i, ++channel) {
        int32_t sum = sum_at(image + in_channel, filter_ + channel, rows, columns);
        if (bias_) sum = wrapping_add(sum, bias_[channel]);
        out[channel] =
            static_cast<int8_t>(to_output(sum, multipliers_[channel], output_.zero_point, output_.range));
      }
    }
  }

 private:
  // `in` and `filter` point at the channel's value in the first position.
  int32_t sum_at(const int8_t* in, const int8_t* filter, const Window::Taps& rows,
                 const Window::Taps& columns) const {
    const int32_t in_step = shape_.x.dilation * shape_.input_depth;
    int32_t sum = 0;
    for (int32_t ky = rows.first; ky < rows.end; ++ky) {
      const int32_t y = rows.origin + ky * shape_.y.dilation;
      const int32_t x = columns.origin + columns.first * shape_.x.dilation;
      const int8_t* value = in + (y * shape_.x.input + x) * shape_.input_depth;
      const int8_t* weight = filter + (ky * shape_.x.filter + columns.first) * shape_.output_depth;
      for (int32_t kx = columns.first; kx < columns.end; ++kx) {
        sum += *weight * (*value + output_.input_offset);
        value += in_step;
        weight += shape_.output_depth;
      }
    }
    return sum;
  }

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

const Kernel kDepthwiseConv2dInt8 = {
    BuiltinOperator::DEPTHWISE_CONV_2D, type_bit(TensorType::INT8), 1, 7, prepare, invoke};

}  // namespace runtime
}  // namespace roost
