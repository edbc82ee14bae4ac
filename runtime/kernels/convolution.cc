#include "runtime/kernels/convolution.h"

namespace roost {
namespace runtime {
namespace {

enum : uint32_t { kInput = 0, kFilter = 1, kBias = 2 };

// Shapes and padding, common to both; what the filter's depth means is the caller's.
template <typename Options>
Error image_shape(const OperatorView& op, const Options& options, ConvolutionShape* shape) {
  const Tensor input = op.input(kInput);
  const Tensor filter = op.input(kFilter);
  const Tensor output = op.output(0);
  if (input.rank() != 4 || filter.rank() != 4 || output.rank() != 4) return Error::kOperandShape;
  if (input.dim(0) != output.dim(0)) return Error::kOperandShape;
  shape->batches = input.dim(0);
  shape->input_depth = input.dim(3);
  shape->output_depth = output.dim(3);
  ROOST_RETURN_IF_ERROR(make_window(options.padding(), input.dim(1), filter.dim(1), options.stride_h(),
                                    options.dilation_h_factor(), output.dim(1), &shape->y));
  return make_window(options.padding(), input.dim(2), filter.dim(2), options.stride_w(),
                     options.dilation_w_factor(), output.dim(2), &shape->x);
}

Error expect_operands_and_types(const OperatorView& op, TensorType type) {
  ROOST_RETURN_IF_ERROR(op.expect_operands(2, 3, 1));
  ROOST_RETURN_IF_ERROR(expect_type(op.input(kInput), type));
  ROOST_RETURN_IF_ERROR(expect_type(op.input(kFilter), type));
  ROOST_RETURN_IF_ERROR(expect_type(op.output(0), type));
  return op.input(kFilter).constant() ? Error::kNone : Error::kOperandNotConstant;
}

}  // namespace

Error conv_2d_shape(const OperatorView& op, TensorType type, TensorType bias_type, ConvolutionShape* shape,
                    ActivationFunctionType* activation) {
  ROOST_RETURN_IF_ERROR(expect_operands_and_types(op, type));
  const tflite::Conv2DOptions* options;
  ROOST_RETURN_IF_ERROR(required_options(op, &options));
  ROOST_RETURN_IF_ERROR(image_shape(op, *options, shape));
  const Tensor filter = op.input(kFilter);  // output depth x height x width x group depth
  shape->group_depth = filter.dim(3);
  if (filter.dim(0) != shape->output_depth || shape->input_depth % shape->group_depth != 0) {
    return Error::kOperandShape;
  }
  const int32_t groups = shape->input_depth / shape->group_depth;
  if (shape->output_depth % groups != 0) return Error::kOperandShape;
  shape->depth_per_group = shape->output_depth / groups;
  *activation = options->fused_activation_function();
  return expect_bias(op, bias_type, shape->output_depth);
}

Error depthwise_conv_2d_shape(const OperatorView& op, TensorType type, TensorType bias_type,
                              ConvolutionShape* shape, ActivationFunctionType* activation) {
  ROOST_RETURN_IF_ERROR(expect_operands_and_types(op, type));
  const tflite::DepthwiseConv2DOptions* options;
  ROOST_RETURN_IF_ERROR(required_options(op, &options));
  ROOST_RETURN_IF_ERROR(image_shape(op, *options, shape));
  const Tensor filter = op.input(kFilter);  // 1 x height x width x output depth
  shape->group_depth = 1;
  shape->depth_per_group = options->depth_multiplier();
  const int64_t depth = static_cast<int64_t>(shape->input_depth) * shape->depth_per_group;
  if (filter.dim(0) != 1 || filter.dim(3) != shape->output_depth || depth != shape->output_depth) {
    return Error::kOperandShape;
  }
  *activation = options->fused_activation_function();
  return expect_bias(op, bias_type, shape->output_depth);
}

uint64_t convolution_macs(const OperatorView& op, const ConvolutionShape& shape) {
  const uint64_t taps = static_cast<uint64_t>(shape.y.filter) * static_cast<uint64_t>(shape.x.filter) *
                        static_cast<uint64_t>(shape.group_depth);
  return op.output(0).count() * taps;
}

Error expect_bias(const OperatorView& op, TensorType type, int32_t output_depth) {
  if (!op.has_input(kBias)) return Error::kNone;
  const Tensor bias = op.input(kBias);
  ROOST_RETURN_IF_ERROR(expect_type(bias, type));
  if (!bias.constant()) return Error::kOperandNotConstant;
  return bias.count() == static_cast<uint32_t>(output_depth) ? Error::kNone : Error::kOperandShape;
}

Error expect_weights(const Tensor& weights, int32_t channel_dimension, uint64_t taps) {
  if (weights.scale_count() == 0) return Error::kOperandQuantisation;
  if (weights.scale_count() > 1 && weights.quantized_dimension() != channel_dimension) {
    return Error::kOperandQuantisation;
  }
  for (uint32_t i = 0; i < weights.scale_count(); ++i) {
    if (weights.zero_point(i) != 0) return Error::kOperandQuantisation;
  }
  // An input minus its zero point is within 255, a weight within 128. The bias is added with wrapping.
  constexpr uint64_t kProductMax = 255 * 128;
  return taps > INT32_MAX / kProductMax ? Error::kOverflow : Error::kNone;
}

Error integer_convolution(const OperatorView& op, ActivationFunctionType activation, int32_t channel_dimension,
                          uint64_t taps, IntegerOutput* output, Multiplier* multipliers) {
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
    ROOST_RETURN_IF_ERROR(product_multiplier(input.scale(), scale, result.scale(), &multiplier));
    if (multipliers) multipliers[i] = multiplier;
  }
  return Error::kNone;
}

}  // namespace runtime
}  // namespace roost
