// Proves CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: small cases worked out by hand, random ones against plain
// loops over every tap, and every refusal of their checks.
#include <math.h>

#include "tests/runtime/kernels/single_operator.h"

namespace roost::runtime::testing {
namespace {

using tflite::ActivationFunctionType;
using tflite::Conv2DOptions;
using tflite::DepthwiseConv2DOptions;
using tflite::FullyConnectedOptions;
using tflite::FullyConnectedWeightsFormat;
using tflite::Padding;

constexpr auto kNoActivation = ActivationFunctionType::NONE;

struct Geometry {
  Padding padding = Padding::VALID;
  int32_t batches = 1, height = 1, width = 1, depth = 1;
  int32_t filter_height = 1, filter_width = 1;
  int32_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
  int32_t outputs = 1;
  int32_t groups = 1;      // CONV_2D
  bool depthwise = false;  // outputs is then a multiple of depth

  static int32_t length(Padding padding, int32_t in, int32_t filter, int32_t stride, int32_t dilation) {
    const int32_t reach = (filter - 1) * dilation + 1;
    return padding == Padding::SAME ? (in + stride - 1) / stride : (in - reach + stride) / stride;
  }
  int32_t out_height() const { return length(padding, height, filter_height, stride_y, dilation_y); }
  int32_t out_width() const { return length(padding, width, filter_width, stride_x, dilation_x); }
  int32_t group_depth() const { return depth / groups; }
  std::vector<int32_t> input_shape() const { return {batches, height, width, depth}; }
  std::vector<int32_t> output_shape() const { return {batches, out_height(), out_width(), outputs}; }
  std::vector<int32_t> filter_shape() const {
    if (depthwise) return {1, filter_height, filter_width, outputs};
    return {outputs, filter_height, filter_width, group_depth()};
  }
  size_t filter_size() const {
    const auto s = filter_shape();
    return static_cast<size_t>(s[0] * s[1] * s[2] * s[3]);
  }
  size_t input_size() const { return static_cast<size_t>(batches * height * width * depth); }
  size_t output_size() const { return static_cast<size_t>(batches * out_height() * out_width() * outputs); }

  int32_t before(int32_t in, int32_t out, int32_t filter, int32_t stride, int32_t dilation) const {
    return std::max((out - 1) * stride + (filter - 1) * dilation + 1 - in, 0) / 2;
  }

  // The sum for one output value: every tap of every channel, those outside the image skipped.
  template <typename Sum, typename T>
  Sum sum(const std::vector<T>& in, const std::vector<T>& filter, Sum input_offset, size_t out_index) const {
    const int32_t channel = static_cast<int32_t>(out_index) % outputs;
    const int32_t x = static_cast<int32_t>(out_index) / outputs % out_width();
    const int32_t y = static_cast<int32_t>(out_index) / outputs / out_width() % out_height();
    const int32_t batch = static_cast<int32_t>(out_index) / outputs / out_width() / out_height();
    const int32_t top = y * stride_y - before(height, out_height(), filter_height, stride_y, dilation_y);
    const int32_t left = x * stride_x - before(width, out_width(), filter_width, stride_x, dilation_x);
    Sum total = 0;
    for (int32_t ky = 0; ky < filter_height; ++ky) {
      for (int32_t kx = 0; kx < filter_width; ++kx) {
        const int32_t iy = top + ky * dilation_y, ix = left + kx * dilation_x;
        if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
        for (int32_t c = 0; c < (depthwise ? 1 : group_depth()); ++c) {
          const int32_t in_channel =
              depthwise ? channel / (outputs / depth) : channel / (outputs / groups) * group_depth() + c;
          const int32_t in_index = ((batch * height + iy) * width + ix) * depth + in_channel;
          const int32_t filter_index =
              depthwise ? (ky * filter_width + kx) * outputs + channel
                        : ((channel * filter_height + ky) * filter_width + kx) * group_depth() + c;
          total += static_cast<Sum>(filter[static_cast<size_t>(filter_index)]) *
                   (static_cast<Sum>(in[static_cast<size_t>(in_index)]) + input_offset);
        }
      }
    }
    return total;
  }
};

Geometry random_geometry(std::mt19937& random, bool depthwise) {
  const auto pick = [&](int32_t low, int32_t high) {
    return low + static_cast<int32_t>(random() % static_cast<uint32_t>(high - low + 1));
  };
  for (;;) {
    Geometry g;
    g.depthwise = depthwise;
    g.padding = pick(0, 1) ? Padding::SAME : Padding::VALID;
    g.batches = pick(1, 2);
    g.height = pick(1, 9);
    g.width = pick(1, 9);
    g.filter_height = pick(1, 5);
    g.filter_width = pick(1, 5);
    g.stride_y = pick(1, 3);
    g.stride_x = pick(1, 3);
    if (pick(0, 3) == 0) {
      g.dilation_y = pick(1, 3);
      g.dilation_x = pick(1, 3);
    }
    g.groups = depthwise ? 1 : pick(0, 2) == 0 ? 2 : 1;
    g.depth = g.groups * pick(1, 5);
    g.outputs = depthwise ? g.depth * pick(1, 3) : g.groups * pick(1, 6);
    if (g.out_height() > 0 && g.out_width() > 0) return g;
  }
}

SingleOperator with_options(const Geometry& g, ActivationFunctionType activation) {
  SingleOperator op(g.depthwise ? BuiltinOperator::DEPTHWISE_CONV_2D : BuiltinOperator::CONV_2D, 3);
  if (g.depthwise) {
    op.options<DepthwiseConv2DOptions>(tflite::CreateDepthwiseConv2DOptions, g.padding, g.stride_x, g.stride_y,
                                       g.outputs / g.depth, activation, g.dilation_x, g.dilation_y);
  } else {
    op.options<Conv2DOptions>(tflite::CreateConv2DOptions, g.padding, g.stride_x, g.stride_y, activation,
                              g.dilation_x, g.dilation_y, TensorType::FLOAT32);
  }
  return op;
}

void compare_int8(std::mt19937& random, const Geometry& g, bool per_channel) {
  const float in_scale = random_scale(random), out_scale = in_scale * 8 * random_scale(random);
  const int32_t in_zero = static_cast<int8_t>(random()), out_zero = static_cast<int8_t>(random());
  TensorSpecification weights = int8(g.filter_shape());
  weights.quantized_dimension = g.depthwise ? 3 : 0;
  const size_t scales = per_channel ? static_cast<size_t>(g.outputs) : 1;
  weights.scale.resize(scales);
  for (float& scale : weights.scale) scale = random_scale(random) / 16;
  weights.zero_point.assign(scales, 0);
  const auto filter = random_integers<int8_t>(random, g.filter_size());
  const auto in = random_integers<int8_t>(random, g.input_size());
  std::vector<int32_t> bias(static_cast<size_t>(g.outputs));
  for (int32_t& value : bias) value = static_cast<int32_t>(random() % 20001) - 10000;
  const bool relu = (random() & 1) != 0, has_bias = random() % 4 != 0;
  SingleOperator op = with_options(g, relu ? ActivationFunctionType::RELU : kNoActivation);
  op.input(int8(g.input_shape(), in_scale, in_zero)).constant(weights, filter);
  has_bias ? op.constant(int32({g.outputs}), bias) : op.absent();
  op.output(int8(g.output_shape(), out_scale, out_zero));
  const std::vector<int8_t> actual = op.run<int8_t>({bytes_of(in)});
  ASSERT_EQ(actual.size(), g.output_size());
  for (size_t i = 0; i < actual.size(); ++i) {
    const size_t channel = i % static_cast<size_t>(g.outputs);
    const int64_t sum = g.sum<int64_t>(in, filter, -in_zero, i) + (has_bias ? bias[channel] : 0);
    const double factor = static_cast<double>(in_scale) * weights.scale[per_channel ? channel : 0] / out_scale;
    ASSERT_EQ(actual[i], requantised(sum, factor, out_zero, relu ? out_zero : -128, 127)) << "value " << i;
  }
}

void compare_float(std::mt19937& random, const Geometry& g) {
  const auto filter = random_floats(random, g.filter_size());
  const auto in = random_floats(random, g.input_size());
  const auto bias = random_floats(random, static_cast<size_t>(g.outputs));
  SingleOperator op = with_options(g, ActivationFunctionType::RELU6);
  op.input(float32(g.input_shape())).constant(float32(g.filter_shape()), filter);
  op.constant(float32({g.outputs}), bias).output(float32(g.output_shape()));
  const std::vector<float> actual = op.run<float>({bytes_of(in)});
  ASSERT_EQ(actual.size(), g.output_size());
  for (size_t i = 0; i < actual.size(); ++i) {
    const double sum = g.sum<double>(in, filter, 0, i) + bias[i % static_cast<size_t>(g.outputs)];
    ASSERT_NEAR(actual[i], std::clamp(sum, 0.0, 6.0), 1e-3) << "value " << i;
  }
}

TEST(Conv2d, SumsProductsUnderItsWindow) {
  // 3x3 image of 1..9, 2x2 filter of 1, -1, 2, 3, bias 4; scales make the output half the sum, rounded.
  SingleOperator op(BuiltinOperator::CONV_2D, 3);
  op.options<Conv2DOptions>(tflite::CreateConv2DOptions, Padding::VALID, 1, 1, kNoActivation, 1, 1,
                            TensorType::FLOAT32);
  op.input(int8({1, 3, 3, 1}, 0.5f, 1)).constant<int8_t>(int8({1, 2, 2, 1}, 1.0f), {1, -1, 2, 3});
  op.constant<int32_t>(int32({1}), {4}).output(int8({1, 2, 2, 1}, 1.0f, -10));
  // Values less 1: 0 1 2 / 3 4 5 / 6 7 8. First sum 0 - 1 + 6 + 12 + 4 = 21, halved 10.5 -> 11, less 10.
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({1, 2, 3, 4, 5, 6, 7, 8, 9})}), std::vector<int8_t>({1, 3, 8, 11}));
}

TEST(Conv2d, AgreesWithPlainLoopsOnRandomInt8) {
  std::mt19937 random(1);
  for (int i = 0; i < 400; ++i) {
    SCOPED_TRACE(i);
    compare_int8(random, random_geometry(random, false), i % 2 == 0);
    if (HasFatalFailure()) return;
  }
}

TEST(Conv2d, AgreesWithPlainLoopsOnRandomFloats) {
  std::mt19937 random(2);
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(i);
    compare_float(random, random_geometry(random, false));
    if (HasFatalFailure()) return;
  }
}

TEST(DepthwiseConv2d, AgreesWithPlainLoopsOnRandomInt8) {
  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {
    SCOPED_TRACE(i);
    compare_int8(random, random_geometry(random, true), i % 2 == 0);
    if (HasFatalFailure()) return;
  }
}

TEST(DepthwiseConv2d, AgreesWithPlainLoopsOnRandomFloats) {
  std::mt19937 random(4);
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(i);
    compare_float(random, random_geometry(random, true));
    if (HasFatalFailure()) return;
  }
}

// Operands: 0 input 1x5x5x4, 1 filter 4x3x3x4, 2 bias, 3 output 1x3x3x4.
SingleOperator good_convolution(bool depthwise) {
  Geometry g;
  g.depthwise = depthwise;
  g.height = g.width = 5;
  g.filter_height = g.filter_width = 3;
  g.depth = g.outputs = 4;
  SingleOperator op = with_options(g, kNoActivation);
  op.input(int8(g.input_shape())).constant(int8(g.filter_shape()), std::vector<int8_t>(g.filter_size(), 1));
  op.constant(int32({4}), std::vector<int32_t>(4)).output(int8(g.output_shape()));
  return op;
}

Refusal conv_options(const char* what, Error error, Padding padding, int32_t stride, int32_t dilation,
                     ActivationFunctionType activation = kNoActivation) {
  return {what,
          [=](SingleOperator& op) {
            op.options<Conv2DOptions>(tflite::CreateConv2DOptions, padding, stride, stride, activation, dilation,
                                      dilation, TensorType::FLOAT32);
          },
          error};
}

std::vector<Refusal> common_refusals() {
  return {
      {"no options", [](SingleOperator& op) { op.op().options_type = 0; }, Error::kOptions},
      {"another operator's options", [](SingleOperator& op) { op.op().options_type = 9; }, Error::kOptions},
      {"no filter", [](SingleOperator& op) { op.op().inputs.resize(1); }, Error::kOperatorOperands},
      {"four operands", [](SingleOperator& op) { op.op().inputs.push_back(0); }, Error::kOperatorOperands},
      {"filter left out", [](SingleOperator& op) { op.op().inputs[1] = -1; }, Error::kOperatorOperands},
      {"version 0", [](SingleOperator& op) { op.code().version = 0; }, Error::kOperatorVersion},
      {"version 9", [](SingleOperator& op) { op.code().version = 9; }, Error::kOperatorVersion},
      {"output type", [](SingleOperator& op) { op.last().type = TensorType::INT16; }, Error::kOperandType},
      {"filter type", [](SingleOperator& op) { op.tensor(1).type = TensorType::UINT8; }, Error::kOperandType},
      {"filter not constant", [](SingleOperator& op) { op.make_variable_input(1); }, Error::kOperandNotConstant},
      {"bias not constant", [](SingleOperator& op) { op.make_variable_input(2); }, Error::kOperandNotConstant},
      {"bias type", [](SingleOperator& op) { op.tensor(2).type = TensorType::FLOAT32; }, Error::kOperandType},
      {"bias too short",
       [](SingleOperator& op) {
         op.tensor(2).shape = {3};
         op.constant_data(2).resize(12);
       },
       Error::kOperandShape},
      {"input rank",
       [](SingleOperator& op) {
         op.tensor(0).shape = {5, 5, 4};
       },
       Error::kOperandShape},
      {"input batch", [](SingleOperator& op) { op.tensor(0).shape[0] = 2; }, Error::kOperandShape},
      {"input depth", [](SingleOperator& op) { op.tensor(0).shape[3] = 6; }, Error::kOperandShape},
      {"output height", [](SingleOperator& op) { op.last().shape[1] = 4; }, Error::kOperandShape},
      {"output width", [](SingleOperator& op) { op.last().shape[2] = 2; }, Error::kOperandShape},
      {"output depth", [](SingleOperator& op) { op.last().shape[3] = 5; }, Error::kOperandShape},
      {"input not quantised",
       [](SingleOperator& op) {
         op.tensor(0).scale.clear();
         op.tensor(0).zero_point.clear();
       },
       Error::kOperandQuantisation},
      {"filter not quantised",
       [](SingleOperator& op) {
         op.tensor(1).scale.clear();
         op.tensor(1).zero_point.clear();
       },
       Error::kOperandQuantisation},
      {"output not quantised",
       [](SingleOperator& op) {
         op.last().scale.clear();
         op.last().zero_point.clear();
       },
       Error::kOperandQuantisation},
      {"filter zero point", [](SingleOperator& op) { op.tensor(1).zero_point = {1}; }, Error::kOperandQuantisation},
      {"filter quantised along its height",
       [](SingleOperator& op) {
         op.tensor(1).scale.assign(3, 1.0f);
         op.tensor(1).zero_point.assign(3, 0);
         op.tensor(1).quantized_dimension = 1;
       },
       Error::kOperandQuantisation},
      {"factor of 2^30", [](SingleOperator& op) { op.tensor(0).scale = {1073741824.0f}; },
       Error::kOperandQuantisation},
  };
}

TEST(Conv2d, RefusesWhatItDoesNotDefine) {
  const SingleOperator good = good_convolution(false);
  expect_refusals(good, common_refusals());
  expect_refusals(good, {
                            conv_options("padding 2", Error::kOptions, static_cast<Padding>(2), 1, 1),
                            conv_options("stride 0", Error::kOptions, Padding::VALID, 0, 1),
                            conv_options("negative stride", Error::kOptions, Padding::VALID, -1, 1),
                            conv_options("dilation 0", Error::kOptions, Padding::VALID, 1, 0),
                            conv_options("negative dilation", Error::kOptions, Padding::VALID, 1, -2),
                            conv_options("endless dilation", Error::kOverflow, Padding::SAME, 1, INT32_MAX),
                            conv_options("filter beyond the image", Error::kOperandShape, Padding::VALID, 1, 3),
                            conv_options("the other padding", Error::kOperandShape, Padding::SAME, 1, 1),
                            conv_options("activation tanh", Error::kOptions, Padding::VALID, 1, 1,
                                         ActivationFunctionType::TANH),
                            conv_options("unknown activation", Error::kOptions, Padding::VALID, 1, 1,
                                         static_cast<ActivationFunctionType>(77)),
                        });
}

TEST(DepthwiseConv2d, RefusesWhatItDoesNotDefine) {
  const SingleOperator good = good_convolution(true);
  expect_refusals(good, common_refusals());
  const auto multiplier = [](int32_t value) {
    return [=](SingleOperator& op) {
      op.options<DepthwiseConv2DOptions>(tflite::CreateDepthwiseConv2DOptions, Padding::VALID, 1, 1, value,
                                         kNoActivation, 1, 1);
    };
  };
  expect_refusals(good, {{"depth multiplier 0", multiplier(0), Error::kOperandShape},
                         {"depth multiplier 2", multiplier(2), Error::kOperandShape},
                         {"negative depth multiplier", multiplier(-1), Error::kOperandShape}});
}

TEST(Conv2d, RefusesMoreProductsThanASumCanHold) {
  Geometry g;
  g.height = 257;
  g.width = 257;
  g.filter_height = 257;
  g.filter_width = 256;  // 65792 products of 255 x 128 each are just below 2^31
  const auto make = [](const Geometry& geometry) {
    SingleOperator op = with_options(geometry, kNoActivation);
    op.input(int8(geometry.input_shape()));
    op.constant(int8(geometry.filter_shape()), std::vector<int8_t>(geometry.filter_size()));
    op.output(int8(geometry.output_shape()));
    return op;
  };
  EXPECT_EQ(make(g).judge(), Error::kNone);
  g.filter_width = 257;
  EXPECT_EQ(make(g).judge(), Error::kOverflow);
}

struct Dense {
  int32_t rows = 2, depth = 5, outputs = 3;

  SingleOperator options(ActivationFunctionType activation = kNoActivation) const {
    SingleOperator op(BuiltinOperator::FULLY_CONNECTED, 4);
    op.options<FullyConnectedOptions>(tflite::CreateFullyConnectedOptions, activation,
                                      FullyConnectedWeightsFormat::DEFAULT, false, false, TensorType::FLOAT32);
    return op;
  }
};

TEST(FullyConnected, AgreesWithPlainLoopsOnRandomInt8) {
  std::mt19937 random(5);
  for (int round = 0; round < 400; ++round) {
    Dense d;
    d.rows = 1 + static_cast<int32_t>(random() % 3);
    d.depth = 1 + static_cast<int32_t>(random() % 40);
    d.outputs = 2 + static_cast<int32_t>(random() % 8);
    const bool per_output = round % 2 == 0;
    TensorSpecification weights = int8({d.outputs, d.depth});
    weights.scale.resize(per_output ? static_cast<size_t>(d.outputs) : 1);
    for (float& scale : weights.scale) scale = random_scale(random);
    weights.zero_point.assign(weights.scale.size(), 0);
    const float in_scale = random_scale(random), out_scale = 64 * random_scale(random);
    const int32_t in_zero = static_cast<int8_t>(random()), out_zero = static_cast<int8_t>(random());
    const auto w = random_integers<int8_t>(random, static_cast<size_t>(d.outputs * d.depth));
    const auto in = random_integers<int8_t>(random, static_cast<size_t>(d.rows * d.depth));
    const auto bias = random_integers<int16_t>(random, static_cast<size_t>(d.outputs));
    SingleOperator op = d.options();
    // The input's own shape does not matter, only how many values there are.
    op.input(int8({d.rows, 1, d.depth}, in_scale, in_zero)).constant(weights, w);
    op.constant(int32({d.outputs}), std::vector<int32_t>(bias.begin(), bias.end()));
    op.output(int8({d.rows, d.outputs}, out_scale, out_zero));
    const auto actual = op.run<int8_t>({bytes_of(in)});
    ASSERT_EQ(actual.size(), static_cast<size_t>(d.rows * d.outputs));
    for (int32_t row = 0; row < d.rows; ++row) {
      for (int32_t i = 0; i < d.outputs; ++i) {
        int64_t sum = bias[static_cast<size_t>(i)];
        for (int32_t j = 0; j < d.depth; ++j) {
          sum += w[static_cast<size_t>(i * d.depth + j)] * (in[static_cast<size_t>(row * d.depth + j)] - in_zero);
        }
        const float scale = weights.scale[per_output ? static_cast<size_t>(i) : 0];
        // One scale for all: multiplied in single precision first.
        const double factor = per_output ? static_cast<double>(in_scale) * scale / out_scale
                                         : static_cast<double>(in_scale * scale) / out_scale;
        ASSERT_EQ(actual[static_cast<size_t>(row * d.outputs + i)], requantised(sum, factor, out_zero, -128, 127));
      }
    }
  }
}

TEST(FullyConnected, MultipliesFloats) {
  SingleOperator op = Dense().options(ActivationFunctionType::RELU);
  op.input(float32({1, 2})).constant<float>(float32({2, 2}), {1, 2, 3, -4});
  op.constant<float>(float32({2}), {0.5f, 0.25f}).output(float32({1, 2}));
  EXPECT_EQ(op.run<float>({bytes_of<float>({10, 20})}), std::vector<float>({50.5f, 0}));
}

TEST(FullyConnected, RefusesWhatItDoesNotDefine) {
  SingleOperator good = Dense().options();
  good.input(int8({2, 5})).constant(int8({3, 5}), std::vector<int8_t>(15));
  good.constant(int32({3}), std::vector<int32_t>(3)).output(int8({2, 3}));
  const auto format = [](SingleOperator& op) {
    op.options<FullyConnectedOptions>(tflite::CreateFullyConnectedOptions, kNoActivation,
                                      FullyConnectedWeightsFormat::SHUFFLED4x16INT8, false, false,
                                      TensorType::FLOAT32);
  };
  expect_refusals(
      good,
      {
          {"no options", [](SingleOperator& op) { op.op().options_type = 0; }, Error::kOptions},
          {"shuffled weights", format, Error::kOptions},
          {"weights not constant", [](SingleOperator& op) { op.make_variable_input(1); },
           Error::kOperandNotConstant},
          {"weights type", [](SingleOperator& op) { op.tensor(1).type = TensorType::UINT8; }, Error::kOperandType},
          {"output type", [](SingleOperator& op) { op.last().type = TensorType::INT16; }, Error::kOperandType},
          {"weights rank",
           [](SingleOperator& op) {
             op.tensor(1).shape = {3, 5, 1};
           },
           Error::kOperandShape},
          {"rows that do not come out",
           [](SingleOperator& op) {
             op.tensor(0).shape = {2, 4};
           },
           Error::kOperandShape},
          {"rows of the output",
           [](SingleOperator& op) {
             op.last().shape = {1, 3};
           },
           Error::kOperandShape},
          {"outputs",
           [](SingleOperator& op) {
             op.last().shape = {3, 2};
           },
           Error::kOperandShape},
          {"scalar output", [](SingleOperator& op) { op.last().shape = {}; }, Error::kOperandShape},
          {"weights' zero point", [](SingleOperator& op) { op.tensor(1).zero_point = {3}; },
           Error::kOperandQuantisation},
          {"a product of scales below all singles",
           [](SingleOperator& op) {
             op.tensor(0).scale = {1e-30f};
             op.tensor(1).scale = {1e-30f};
           },
           Error::kOperandQuantisation},
      });
}

}  // namespace
}  // namespace roost::runtime::testing
