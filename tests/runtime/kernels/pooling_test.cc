// Proves AVERAGE_POOL_2D, MAX_POOL_2D and MEAN: cases worked out by hand, random ones against plain loops,
// refusals.
#include <math.h>

#include <algorithm>
#include <cmath>

#include "tests/runtime/kernels/single_operator.h"

namespace roost::runtime::testing {
namespace {

using tflite::ActivationFunctionType;
using tflite::Padding;
using tflite::Pool2DOptions;
using tflite::ReducerOptions;

SingleOperator pool(BuiltinOperator code, Padding padding, int32_t stride_x, int32_t stride_y, int32_t filter_x,
                    int32_t filter_y, ActivationFunctionType activation = ActivationFunctionType::NONE) {
  SingleOperator op(code, 2);
  op.options<Pool2DOptions>(tflite::CreatePool2DOptions, padding, stride_x, stride_y, filter_x, filter_y,
                            activation);
  return op;
}

TEST(AveragePool2d, RoundsHalvesAwayFromZero) {
  SingleOperator op = pool(BuiltinOperator::AVERAGE_POOL_2D, Padding::VALID, 2, 1, 2, 1);
  op.input(int8({1, 1, 6, 1})).output(int8({1, 1, 3, 1}));
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({1, 2, -1, -2, 0, 1})}), std::vector<int8_t>({2, -2, 1}));
}

TEST(AveragePool2d, CountsOnlyWhatLiesInsideTheImage) {
  SingleOperator op = pool(BuiltinOperator::AVERAGE_POOL_2D, Padding::SAME, 1, 1, 3, 3);
  op.input(int8({1, 2, 2, 1})).output(int8({1, 2, 2, 1}));
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({10, 20, 30, 40})}), std::vector<int8_t>({25, 25, 25, 25}));
}

TEST(MaxPool2d, ClampsToTheFusedActivation) {
  SingleOperator op = pool(BuiltinOperator::MAX_POOL_2D, Padding::VALID, 1, 1, 2, 1, ActivationFunctionType::RELU6);
  op.input(int8({1, 1, 5, 1}, 0.5f, -2)).output(int8({1, 1, 4, 1}, 0.5f, -2));
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({-9, -8, 3, 99, 1})}), std::vector<int8_t>({-2, 3, 10, 10}));
}

// What a window over in[] (one batch) sees, for every output value: count and values, by looking at every position.
struct Seen {
  std::vector<double> values;
};
template <typename T>
std::vector<Seen> windows(const std::vector<T>& in, int32_t height, int32_t width, int32_t depth, Padding padding,
                          int32_t fy, int32_t fx, int32_t sy, int32_t sx, std::vector<int32_t>* shape) {
  const auto length = [&](int32_t size, int32_t f, int32_t s) {
    return padding == Padding::SAME ? (size + s - 1) / s : (size - f + s) / s;
  };
  const int32_t out_height = length(height, fy, sy), out_width = length(width, fx, sx);
  *shape = {1, out_height, out_width, depth};
  const int32_t top = std::max((out_height - 1) * sy + fy - height, 0) / 2;
  const int32_t left = std::max((out_width - 1) * sx + fx - width, 0) / 2;
  std::vector<Seen> seen;
  for (int32_t y = 0; y < out_height; ++y) {
    for (int32_t x = 0; x < out_width; ++x) {
      for (int32_t c = 0; c < depth; ++c) {
        seen.emplace_back();
        for (int32_t iy = 0; iy < height; ++iy) {
          for (int32_t ix = 0; ix < width; ++ix) {
            const int32_t dy = iy - (y * sy - top), dx = ix - (x * sx - left);
            if (dy < 0 || dy >= fy || dx < 0 || dx >= fx) continue;
            seen.back().values.push_back(
                static_cast<double>(in[static_cast<size_t>((iy * width + ix) * depth + c)]));
          }
        }
      }
    }
  }
  return seen;
}

TEST(Pooling, AgreesWithPlainLoopsOnRandomValues) {
  std::mt19937 random(1);
  const auto pick = [&](int32_t low, int32_t high) {
    return low + static_cast<int32_t>(random() % static_cast<uint32_t>(high - low + 1));
  };
  for (int round = 0; round < 400; ++round) {
    const bool same = pick(0, 1) == 1;
    const Padding padding = same ? Padding::SAME : Padding::VALID;
    const int32_t height = pick(1, 8), width = pick(1, 8), depth = pick(1, 4);
    const int32_t fy = pick(1, same ? 10 : height), fx = pick(1, same ? 10 : width), sy = pick(1, 3),
                  sx = pick(1, 3);
    const size_t size = static_cast<size_t>(height * width * depth);
    const auto ints = random_integers<int8_t>(random, size);
    const auto floats = random_floats(random, size);
    std::vector<int32_t> shape;
    const auto seen = windows(ints, height, width, depth, padding, fy, fx, sy, sx, &shape);
    const auto seen_floats = windows(floats, height, width, depth, padding, fy, fx, sy, sx, &shape);
    for (const BuiltinOperator code : {BuiltinOperator::AVERAGE_POOL_2D, BuiltinOperator::MAX_POOL_2D}) {
      const bool average = code == BuiltinOperator::AVERAGE_POOL_2D;
      SingleOperator op = pool(code, padding, sx, sy, fx, fy);
      op.input(int8({1, height, width, depth})).output(int8(shape));
      const auto actual = op.run<int8_t>({bytes_of(ints)});
      SingleOperator float_op = pool(code, padding, sx, sy, fx, fy);
      float_op.input(float32({1, height, width, depth})).output(float32(shape));
      const auto actual_floats = float_op.run<float>({bytes_of(floats)});
      ASSERT_EQ(actual.size(), seen.size());
      for (size_t i = 0; i < seen.size(); ++i) {
        const auto result = [&](const std::vector<double>& v) {
          double sum = 0;
          for (double value : v) sum += value;
          return average ? sum / static_cast<double>(v.size()) : *std::max_element(v.begin(), v.end());
        };
        ASSERT_EQ(actual[i], static_cast<int8_t>(std::round(result(seen[i].values))));
        ASSERT_NEAR(actual_floats[i], result(seen_floats[i].values), 1e-5);
      }
    }
  }
}

TEST(Pooling, RefusesWhatItDoesNotDefine) {
  for (const BuiltinOperator code : {BuiltinOperator::AVERAGE_POOL_2D, BuiltinOperator::MAX_POOL_2D}) {
    SingleOperator good = pool(code, Padding::VALID, 2, 2, 2, 2);
    good.input(int8({1, 4, 4, 3})).output(int8({1, 2, 2, 3}));
    const auto options = [](Padding padding, int32_t stride, int32_t filter, ActivationFunctionType activation) {
      return [=](SingleOperator& op) {
        op.options<Pool2DOptions>(tflite::CreatePool2DOptions, padding, stride, stride, filter, filter, activation);
      };
    };
    const auto none = ActivationFunctionType::NONE;
    expect_refusals(
        good,
        {
            {"no options", [](SingleOperator& op) { op.op().options_type = 0; }, Error::kOptions},
            {"two inputs", [](SingleOperator& op) { op.op().inputs.push_back(0); }, Error::kOperatorOperands},
            {"filter 0", options(Padding::VALID, 2, 0, none), Error::kOptions},
            {"negative filter", options(Padding::VALID, 2, -2, none), Error::kOptions},
            {"stride 0", options(Padding::VALID, 0, 2, none), Error::kOptions},
            {"padding 3", options(static_cast<Padding>(3), 2, 2, none), Error::kOptions},
            {"activation", options(Padding::VALID, 2, 2, ActivationFunctionType::SIGN_BIT), Error::kOptions},
            {"filter beyond the image", options(Padding::VALID, 2, 5, none), Error::kOperandShape},
            {"endless stride", options(Padding::SAME, INT32_MAX, 2, none), Error::kOverflow},
            {"endless filter", options(Padding::SAME, 2, INT32_MAX, none), Error::kOverflow},
            {"output height", [](SingleOperator& op) { op.last().shape[1] = 3; }, Error::kOperandShape},
            {"output depth", [](SingleOperator& op) { op.last().shape[3] = 2; }, Error::kOperandShape},
            {"output batch", [](SingleOperator& op) { op.last().shape[0] = 2; }, Error::kOperandShape},
            {"rank",
             [](SingleOperator& op) {
               op.tensor(0).shape = {4, 4, 3};
             },
             Error::kOperandShape},
            {"output type", [](SingleOperator& op) { op.last().type = TensorType::INT16; }, Error::kOperandType},
            {"input type", [](SingleOperator& op) { op.tensor(0).type = TensorType::INT16; }, Error::kOperatorType},
            {"another scale", [](SingleOperator& op) { op.last().scale = {0.50001f}; },
             Error::kOperandQuantisation},
            {"another zero point", [](SingleOperator& op) { op.last().zero_point = {1}; },
             Error::kOperandQuantisation},
            {"not quantised",
             [](SingleOperator& op) {
               op.last().scale.clear();
               op.last().zero_point.clear();
             },
             Error::kOperandQuantisation},
        });
    // Within the reference's tolerance of a millionth.
    good.last().scale = {0.5000005f};
    EXPECT_EQ(good.judge(), Error::kNone);
  }
}

SingleOperator mean(bool keep_dims, const TensorSpecification& input, const std::vector<int32_t>& axes,
                    const TensorSpecification& output) {
  SingleOperator op(BuiltinOperator::MEAN, 2);
  op.options<ReducerOptions>(tflite::CreateReducerOptions, keep_dims);
  op.input(input).constant(int32({static_cast<int32_t>(axes.size())}), axes).output(output);
  return op;
}

TEST(Mean, AveragesOverAnyAxesWithOrWithoutKeepingThem) {
  std::mt19937 random(2);
  const std::vector<int32_t> dims = {2, 3, 4, 5};
  for (uint32_t mask = 1; mask < 16; ++mask) {
    for (const bool keep : {false, true}) {
      std::vector<int32_t> axes, shape;
      for (int32_t axis = 0; axis < 4; ++axis) {
        const bool reduced = (mask >> axis & 1) != 0;
        if (reduced) axes.push_back((axis & 1) != 0 ? axis - 4 : axis);
        if (!reduced || keep) shape.push_back(reduced ? 1 : dims[static_cast<size_t>(axis)]);
      }
      axes.push_back(axes[0]);  // twice is once
      const auto ints = random_integers<int8_t>(random, 120);
      const auto floats = random_floats(random, 120);
      std::vector<int64_t> sums(120);
      std::vector<double> float_sums(120);
      size_t outputs = 1;
      for (int32_t dim : shape) outputs *= static_cast<size_t>(dim);
      for (size_t i = 0; i < 120; ++i) {
        const size_t index[4] = {i / 60, i / 20 % 3, i / 5 % 4, i % 5};
        size_t out = 0;
        for (size_t axis = 0; axis < 4; ++axis) {
          if ((mask >> axis & 1) == 0) out = out * static_cast<size_t>(dims[axis]) + index[axis];
        }
        sums[out] += ints[i] - 7;
        float_sums[out] += floats[i];
      }
      const double count = 120.0 / static_cast<double>(outputs);
      const float in_scale = 0.1f, out_scale = 0.07f;
      const auto actual =
          mean(keep, int8(dims, in_scale, 7), axes, int8(shape, out_scale, -3)).run<int8_t>({bytes_of(ints)});
      const auto actual_floats = mean(keep, float32(dims), axes, float32(shape)).run<float>({bytes_of(floats)});
      ASSERT_EQ(actual.size(), outputs);
      for (size_t i = 0; i < outputs; ++i) {
        const double exact = static_cast<double>(sums[i]) / count * (static_cast<double>(in_scale) / out_scale) - 3;
        ASSERT_NEAR(actual[i], std::clamp(exact, -128.0, 127.0), 0.76) << "axes " << mask;
        ASSERT_NEAR(actual_floats[i], float_sums[i] / count, 1e-5) << "axes " << mask;
      }
    }
  }
}

TEST(Mean, DividesWithinTheRescalingAsTheReferenceDoes) {
  // 5 values, equal scales: the multiplier 2^30 x 2^1 becomes (2^30 x 2^2 / 5) x 2^-1. So means are rounded to
  // halves first, then to integers: 100.2 is 100 (from 200 halves), but 100.4 is 101 (from 201 halves).
  const SingleOperator op = mean(true, int8({1, 5}), {1}, int8({1, 1}));
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({100, 100, 100, 100, 100})}), std::vector<int8_t>({100}));
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({100, 100, 100, 100, 101})}), std::vector<int8_t>({100}));
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({100, 100, 100, 100, 102})}), std::vector<int8_t>({101}));
}

TEST(Mean, RefusesWhatItDoesNotDefine) {
  const SingleOperator good = mean(false, int8({2, 3, 4}), {1}, int8({2, 4}));
  const auto axis = [](int32_t value) {
    return [=](SingleOperator& op) { op.constant_data(1) = bytes_of<int32_t>({value}); };
  };
  expect_refusals(
      good,
      {
          {"axis 3", axis(3), Error::kOperandValue},
          {"axis -4", axis(-4), Error::kOperandValue},
          {"another axis", axis(0), Error::kOperandShape},
          {"axes kept", [](SingleOperator& op) { op.options<ReducerOptions>(tflite::CreateReducerOptions, true); },
           Error::kOperandShape},
          {"axis not constant", [](SingleOperator& op) { op.make_variable_input(1); }, Error::kOperandNotConstant},
          {"axis of floats", [](SingleOperator& op) { op.tensor(1).type = TensorType::FLOAT32; },
           Error::kOperandType},
          {"no axis", [](SingleOperator& op) { op.op().inputs.resize(1); }, Error::kOperatorOperands},
          {"output type",
           [](SingleOperator& op) {
             op.last() = float32({2, 4});
           },
           Error::kOperandType},
          {"not quantised",
           [](SingleOperator& op) {
             op.tensor(0).scale.clear();
             op.tensor(0).zero_point.clear();
           },
           Error::kOperandQuantisation},
          {"factor of 2^30", [](SingleOperator& op) { op.tensor(0).scale = {1e9f}; }, Error::kOperandQuantisation},
          {"too many values for a sum",
           [](SingleOperator& op) {
             op.tensor(0).shape = {2, INT32_MAX / 256 + 1, 4};
           },
           Error::kOverflow},
      });
}

}  // namespace
}  // namespace roost::runtime::testing
