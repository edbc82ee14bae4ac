#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {
namespace {

enum : uint32_t { kInput = 0, kFilter = 1, kBias = 2 };

bool is_depthwise(WindowKind kind) {
  return kind == WindowKind::kDepthwiseConv2d;
}

}  // namespace

Error convolution_shape(const Preparation& op, WindowKind kind, ConvolutionShape* shape,
                        ActivationFunctionType* activation) {
  ROOST_RETURN_IF_ERROR(window_shape(op, kind, shape, activation));
  const int32_t output_depth = op.out.shape().data()[3];
  const int32_t* const filter = op.second.shape().data();
  shape->output_depth = output_depth;
  // CONV_2D: output depth x height x width x group depth; DEPTHWISE_CONV_2D: 1 x height x width x output depth.
  const bool depthwise = is_depthwise(kind);
  shape->group_depth = depthwise ? filter[0] : filter[3];
  const int32_t groups = shape->input_depth / shape->group_depth;
  if (groups * shape->group_depth != shape->input_depth) return Error::kOperandShape;
  shape->depth_per_group = output_depth / groups;
  if ((depthwise ? filter[3] : filter[0]) != output_depth || shape->depth_per_group * groups != output_depth) {
    return Error::kOperandShape;
  }
  if (depthwise) {
    const int32_t multiplier = int32_of(op.options<void>(), tflite::DepthwiseConv2DOptions::VT_DEPTH_MULTIPLIER);
    if (filter[0] != 1 || multiplier != shape->depth_per_group) return Error::kOperandShape;
  }
  return expect_bias(op, output_depth);
}

uint64_t convolution_macs(const Preparation& op, const ConvolutionShape& shape) {
  // No more than the filter's elements, and so within 32 bits.
  const uint32_t taps = static_cast<uint32_t>(shape.y.filter * shape.x.filter * shape.group_depth);
  return static_cast<uint64_t>(op.out.count()) * taps;
}

Error expect_bias(const Preparation& op, int32_t output_depth) {
  if (!op.has_input(kBias)) return Error::kNone;
  const Tensor bias = op.input(kBias);
  const bool floats = op.in.type() == TensorType::FLOAT32;
  ROOST_RETURN_IF_ERROR(expect_type(bias, floats ? TensorType::FLOAT32 : TensorType::INT32));
  if (!bias.constant()) return Error::kOperandNotConstant;
  return bias.count() == static_cast<uint32_t>(output_depth) ? Error::kNone : Error::kOperandShape;
}

Error expect_weights(const Tensor& weights, uint32_t channel_dimension, uint32_t taps) {
  if (weights.scale_count() == 0) return Error::kOperandQuantisation;
  if (weights.scale_count() > 1 && static_cast<uint32_t>(weights.quantized_dimension()) != channel_dimension) {
    return Error::kOperandQuantisation;
  }
  for (uint32_t i = 0; i < weights.scale_count(); ++i) {
    if (weights.zero_point(i) != 0) return Error::kOperandQuantisation;
  }
  // An input minus its zero point is within 255, a weight within 128. The bias is added with wrapping.
  constexpr uint32_t kProductMax = 255 * 128;
  return taps > INT32_MAX / kProductMax ? Error::kOverflow : Error::kNone;
}

int32_t dot(const int8_t* inputs, const int8_t* weights, int32_t length, int32_t input_offset, int32_t sum) {
  for (const int8_t* end = inputs + length; inputs < end;) sum += *weights++ * (*inputs++ + input_offset);
  return sum;
}

// --- int8 ---

Error prepare_int8_convolution(Preparation& op, WindowKind kind) {
  Int8Convolution data;
  ConvolutionShape& shape = data.shape;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(convolution_shape(op, kind, &shape, &activation));
  const bool depthwise = is_depthwise(kind);
  data.filter_column = depthwise ? shape.output_depth : shape.group_depth;
  data.filter_channel = depthwise ? 1 : shape.y.filter * shape.x.filter * shape.group_depth;
  return finish_int8_convolution(op, activation, depthwise ? 3 : 0, ScaleProduct::kDouble, &data);
}

Error finish_int8_convolution(Preparation& op, ActivationFunctionType activation, uint32_t channel_dimension,
                              ScaleProduct scale_product, Int8Convolution* data) {
  const Tensor& filter = op.second;
  const uint32_t taps = filter.count() / static_cast<uint32_t>(data->shape.output_depth);
  const uint32_t scales = filter.scale_count();
  ROOST_RETURN_IF_ERROR(expect_weights(filter, channel_dimension, taps));
  ROOST_RETURN_IF_ERROR(activation_range(activation, op.out, &data->range));
  data->multiplier_step = scales > 1 ? 1 : 0;
  data->input_offset = -op.in.zero_point();
  data->zero_point = op.out.zero_point();
  op.needs.steps = op.out.count();
  op.needs.macs = op.needs.steps * taps;
  ROOST_RETURN_IF_ERROR(op.keep(*data));
  for (uint32_t i = 0; i < scales; ++i) {
    float input_scale = op.in.scale();
    float filter_scale = filter.scale(i);
    if (scale_product == ScaleProduct::kSingle && scales == 1) {
      input_scale *= filter_scale;
      filter_scale = 1;
      if (!is_usable_scale(input_scale)) return Error::kOperandQuantisation;
    }
    Multiplier multiplier;
    ROOST_RETURN_IF_ERROR(multiplier_of(input_scale, filter_scale, op.out.scale(), &multiplier));
    ROOST_RETURN_IF_ERROR(op.keep(multiplier));
  }
  return Error::kNone;
}

namespace {

// What an output value sees of the image: `rows` of `runs` pieces of `length` neighbouring values each, and their
// weights; the steps lead from one to the next.
struct Patch {
  int32_t rows;
  int32_t runs;
  int32_t length;
  int32_t input_offset;
  int32_t in_row;
  int32_t in_run;
  int32_t filter_row;
  int32_t filter_run;
};

// Not inlined: it needs all the registers.
[[gnu::noinline]] int32_t sum_over(const Patch& patch, const int8_t* in_row, const int8_t* filter_row) {
  int32_t sum = 0;
  for (int32_t row = 0; row < patch.rows; ++row) {
    const int8_t* in = in_row;
    const int8_t* weights = filter_row;
    if (patch.length == 1) {
      const int32_t input_offset = patch.input_offset, in_run = patch.in_run, filter_run = patch.filter_run;
      for (int32_t run = patch.runs; run > 0; --run) {
        sum += *weights * (*in + input_offset);
        in += in_run;
        weights += filter_run;
      }
    } else {
      for (int32_t run = patch.runs; run > 0; --run) {
        sum = dot(in, weights, patch.length, patch.input_offset, sum);
        in += patch.in_run;
        weights += patch.filter_run;
      }
    }
    in_row += patch.in_row;
    filter_row += patch.filter_row;
  }
  return sum;
}

// All the weights of an average.
const int8_t kOne = 1;

// Rounded to nearest, halves away from zero.
int32_t average(int32_t sum, int32_t count) {
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

// All channels of one output position, each the average of what it sees. Not inlined: registers are short there.
[[gnu::noinline]] void average_patch(const Int8Convolution& data, const Patch& patch, const int8_t* in,
                                     int8_t* out) {
  for (int32_t left = data.shape.output_depth; left > 0; --left) {
    const int32_t mean = average(sum_over(patch, in++, &kOne), patch.rows * patch.runs);
    *out++ = static_cast<int8_t>(clamp(mean, data.range.low, data.range.high));
  }
}

// All channels of one output position; `in` and `filter` point at the first value of the patch.
void convolve(const Int8Convolution& data, const Patch& patch, const int8_t* in, const int8_t* filter,
              const int32_t* bias, int8_t* out) {
  const Multiplier* multiplier = reinterpret_cast<const Multiplier*>(&data + 1);
  const bool single = patch.rows == 1 && patch.runs == 1;
  for (int8_t* const end = out + data.shape.output_depth; out != end; in += data.shape.group_depth) {
    for (int8_t* const end_of_group = out + data.shape.depth_per_group; out != end_of_group;) {
      int32_t sum = single ? dot(in, filter, patch.length, patch.input_offset, 0) : sum_over(patch, in, filter);
      if (bias) sum = wrapping_add(sum, *bias++);
      *out++ = static_cast<int8_t>(to_output(sum, *multiplier, data.zero_point, data.range));
      multiplier += data.multiplier_step;
      filter += data.filter_channel;
    }
  }
}

}  // namespace

Error invoke_int8_convolution(const OperatorView& op, const void* memory) {
  const Int8Convolution& data = *static_cast<const Int8Convolution*>(memory);
  const ConvolutionShape& shape = data.shape;
  const int32_t depth = shape.input_depth;
  const int8_t* image = op.input_data<int8_t>(kInput);
  const int8_t* filter = op.input_data<int8_t>(kFilter);
  const int32_t* bias = op.input_data<int32_t>(kBias);
  int8_t* out = op.output_data<int8_t>(0);
  Patch patch;
  patch.input_offset = data.input_offset;
  patch.in_run = shape.x.dilation * depth;
  patch.in_row = shape.y.dilation * shape.x.input * depth;
  patch.filter_run = data.filter_column;
  patch.filter_row = shape.x.filter * data.filter_column;
  // Neighbouring taps see neighbouring values and weights where neither jump.
  const bool joined = patch.in_run == shape.group_depth && patch.filter_run == shape.group_depth;
  for (int32_t batch = 0; batch < shape.batches; ++batch) {
    for (int32_t y = 0; y < shape.y.output; ++y) {
      const Window::Taps rows = shape.y.taps(y);
      patch.rows = rows.end - rows.first;
      for (int32_t x = 0; x < shape.x.output; ++x) {
        const Window::Taps columns = shape.x.taps(x);
        const int32_t taps = columns.end - columns.first;
        patch.runs = joined ? 1 : taps;
        patch.length = joined ? taps * shape.group_depth : shape.group_depth;
        const int32_t first_row = rows.origin + rows.first * shape.y.dilation;
        const int32_t first_column = columns.origin + columns.first * shape.x.dilation;
        const int8_t* const in = image + (first_row * shape.x.input + first_column) * depth;
        if (filter) {
          convolve(data, patch, in, filter + (rows.first * shape.x.filter + columns.first) * data.filter_column,
                   bias, out);
        } else {
          average_patch(data, patch, in, out);
        }
        out += shape.output_depth;
      }
    }
    image += shape.y.input * shape.x.input * depth;
  }
  return Error::kNone;
}

}  // namespace runtime
}  // namespace roost
