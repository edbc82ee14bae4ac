#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {
namespace {

enum : uint32_t { kInput = 0, kFilter = 1, kBias = 2 };

bool is_depthwise(const WindowOperator& kind) {
  return kind.depth_multiplier != 0;
}

}  // namespace

Error convolution_shape(const OperatorView& op, const WindowOperator& kind, TensorType type, TensorType bias_type,
                        ConvolutionShape* shape, ActivationFunctionType* activation) {
  WindowOptions options;
  ROOST_RETURN_IF_ERROR(window_shape(op, kind, type, shape, &options));
  *activation = options.activation;
  const int32_t output_depth = op.output(0).dim(3);
  shape->output_depth = output_depth;
  ROOST_RETURN_IF_ERROR(expect_bias(op, bias_type, output_depth));
  const Tensor filter = op.input(kFilter);
  const int32_t first = filter.dim(0);
  const int32_t last = filter.dim(3);
  // CONV_2D: output depth x height x width x group depth; DEPTHWISE_CONV_2D: 1 x height x width x output depth.
  const bool depthwise = is_depthwise(kind);
  shape->group_depth = depthwise ? first : last;
  if (shape->input_depth % shape->group_depth != 0) return Error::kOperandShape;
  const int32_t groups = shape->input_depth / shape->group_depth;
  shape->depth_per_group = output_depth / groups;
  const bool fits = (depthwise ? last : first) == output_depth && output_depth % groups == 0;
  const bool depthwise_fits = !depthwise || (first == 1 && options.depth_multiplier == shape->depth_per_group);
  return fits && depthwise_fits ? Error::kNone : Error::kOperandShape;
}

uint64_t convolution_macs(const OperatorView& op, const ConvolutionShape& shape) {
  // No more than the filter's elements, and so within 32 bits.
  const uint32_t taps = static_cast<uint32_t>(shape.y.filter * shape.x.filter * shape.group_depth);
  return static_cast<uint64_t>(op.output(0).count()) * taps;
}

Error expect_bias(const OperatorView& op, TensorType type, int32_t output_depth) {
  if (!op.has_input(kBias)) return Error::kNone;
  const Tensor bias = op.input(kBias);
  ROOST_RETURN_IF_ERROR(expect_type(bias, type));
  if (!bias.constant()) return Error::kOperandNotConstant;
  return bias.count() == static_cast<uint32_t>(output_depth) ? Error::kNone : Error::kOperandShape;
}

Error expect_weights(const Tensor& weights, int32_t channel_dimension, uint32_t taps) {
  if (weights.scale_count() == 0) return Error::kOperandQuantisation;
  if (weights.scale_count() > 1 && weights.quantized_dimension() != channel_dimension) {
    return Error::kOperandQuantisation;
  }
  for (uint32_t i = 0; i < weights.scale_count(); ++i) {
    if (weights.zero_point(i) != 0) return Error::kOperandQuantisation;
  }
  // An input minus its zero point is within 255, a weight within 128. The bias is added with wrapping.
  constexpr uint32_t kProductMax = 255 * 128;
  return taps > INT32_MAX / kProductMax ? Error::kOverflow : Error::kNone;
}

Error integer_convolution(const OperatorView& op, ActivationFunctionType activation, int32_t channel_dimension,
                          uint32_t taps, IntegerOutput* output, Multiplier* multipliers) {
  const Tensor input = op.input(kInput);
  const Tensor filter = op.input(kFilter);
  const Tensor result = op.output(0);
  ROOST_RETURN_IF_ERROR(expect_per_tensor(input));
  ROOST_RETURN_IF_ERROR(expect_weights(filter, channel_dimension, taps));
  ROOST_RETURN_IF_ERROR(activation_range(activation, result, &output->range));
  output->input_offset = -input.zero_point();
  output->zero_point = result.zero_point();
  const int32_t channels = filter.dim(static_cast<uint32_t>(channel_dimension));
  for (int32_t i = 0; i < channels; ++i) {
    const float scale = filter.scale(filter.per_tensor() ? 0 : static_cast<uint32_t>(i));
    Multiplier multiplier;
    ROOST_RETURN_IF_ERROR(multiplier_of(input.scale(), scale, result.scale(), &multiplier));
    if (multipliers) multipliers[i] = multiplier;
  }
  return Error::kNone;
}

int32_t dot(const int8_t* inputs, const int8_t* weights, int32_t length, int32_t input_offset, int32_t sum) {
  for (const int8_t* end = inputs + length; inputs < end;) sum += *weights++ * (*inputs++ + input_offset);
  return sum;
}

int8_t IntegerOutput::value_of(int32_t sum, const Multiplier& multiplier, const int32_t* bias) const {
  if (bias) sum = wrapping_add(sum, *bias);
  return static_cast<int8_t>(to_output(sum, multiplier, zero_point, range));
}

// --- int8: CONV_2D and DEPTHWISE_CONV_2D ---

Error prepare_int8_convolution(const OperatorView& op, const WindowOperator& kind, Needs& needs, void* memory) {
  Int8Convolution data;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(convolution_shape(op, kind, TensorType::INT8, TensorType::INT32, &data.shape, &activation));
  const uint32_t taps = op.input(kFilter).count() / static_cast<uint32_t>(data.shape.output_depth);
  Multiplier* multipliers = multipliers_behind<Int8Convolution>(memory);
  ROOST_RETURN_IF_ERROR(
      integer_convolution(op, activation, is_depthwise(kind) ? 3 : 0, taps, &data.output, multipliers));
  needs.data_bytes = bytes_with_multipliers<Int8Convolution>(data.shape.output_depth);
  needs.macs = convolution_macs(op, data.shape);
  needs.steps = op.output(0).count();
  if (memory) *static_cast<Int8Convolution*>(memory) = data;
  return Error::kNone;
}

Error invoke_int8_convolution(const OperatorView& op, const void* memory, ConvolvePosition convolve) {
  const Int8Convolution& data = *static_cast<const Int8Convolution*>(memory);
  const ConvolutionShape& shape = data.shape;
  Int8Position at = {data,
                     multipliers_behind(data),
                     op.input_data<int8_t>(kFilter),
                     bias_of<int32_t>(op),
                     op.input_data<int8_t>(kInput),
                     {},
                     {}};
  int8_t* out = op.output_data<int8_t>(0);
  for (int32_t batch = 0; batch < shape.batches; ++batch) {
    for (int32_t y = 0; y < shape.y.output; ++y) {
      at.rows = shape.y.taps(y);
      for (int32_t x = 0; x < shape.x.output; ++x) {
        at.columns = shape.x.taps(x);
        convolve(at, out);
        out += shape.output_depth;
      }
    }
    at.image += shape.y.input * shape.x.input * shape.input_depth;
  }
  return Error::kNone;
}

}  // namespace runtime
}  // namespace roost
