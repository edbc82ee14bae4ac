// Proves ADD, MUL and the unary operators: cases worked out by hand, random ones against plain arithmetic with
// broadcasting by index, refusals.
#include <math.h>

#include <algorithm>

#include "tests/runtime/kernels/single_operator.h"

namespace roost::runtime::testing {
namespace {

using tflite::ActivationFunctionType;
using tflite::AddOptions;
using tflite::MulOptions;
using tflite::SoftmaxOptions;

SingleOperator binary(BuiltinOperator code, ActivationFunctionType activation = ActivationFunctionType::NONE) {
  SingleOperator op(code, 2);
  if (code == BuiltinOperator::ADD) {
    op.options<AddOptions>(tflite::CreateAddOptions, activation, false);
  } else {
    op.options<MulOptions>(tflite::CreateMulOptions, activation);
  }
  return op;
}

size_t size_of_shape(const std::vector<int32_t>& shape) {
  size_t size = 1;
  for (int32_t dim : shape) size *= static_cast<size_t>(dim);
  return size;
}

// Where the value of `shape` lies that meets output value `index`.
size_t broadcast_index(size_t index, const std::vector<int32_t>& out, const std::vector<int32_t>& shape) {
  size_t result = 0, stride = 1;
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t position = index % static_cast<size_t>(out[out.size() - 1 - i]);
    index /= static_cast<size_t>(out[out.size() - 1 - i]);
    if (i >= shape.size()) continue;
    const size_t size = static_cast<size_t>(shape[shape.size() - 1 - i]);
    if (size > 1) result += position * stride;
    stride *= size;
  }
  return result;
}

struct Shapes {
  std::vector<int32_t> a, b, out;
};

Shapes random_shapes(std::mt19937& random) {
  Shapes shapes;
  const size_t rank = random() % 7;
  for (size_t i = 0; i < rank; ++i) {
    const int32_t size = 1 + static_cast<int32_t>(random() % 3);
    const uint32_t which = random() % 4;
    shapes.a.push_back(which == 1 ? 1 : size);
    shapes.b.push_back(which == 2 ? 1 : size);
    shapes.out.push_back(size);
  }
  // One may leave out leading dimensions.
  auto& shorter = (random() & 1) != 0 ? shapes.a : shapes.b;
  const auto& longer = &shorter == &shapes.a ? shapes.b : shapes.a;
  const size_t cut = rank == 0 ? 0 : random() % (rank + 1);
  for (size_t i = 0; i < cut; ++i) shapes.out[i] = longer[i];
  shorter.erase(shorter.begin(), shorter.begin() + static_cast<ptrdiff_t>(cut));
  return shapes;
}

// The reference's ADD: both inputs to twice the larger scale with spare bits, the sum to the output's scale.
int64_t added(int64_t a, int64_t b, double a_scale, double b_scale, double out_scale, int spare, int64_t zero,
              int64_t low, int64_t high) {
  const double twice = 2 * std::max(a_scale, b_scale);
  const int64_t sum = rescaled(a << spare, a_scale / twice) + rescaled(b << spare, b_scale / twice);
  return requantised(sum, twice / (ldexp(1, spare) * out_scale), zero, low, high);
}

template <typename T>
void compare_integers(std::mt19937& random, TensorType type, int spare) {
  const Shapes shapes = random_shapes(random);
  const bool wide = type == TensorType::INT16;
  const auto quantised = wide ? int16 : int8;
  const int64_t low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
  const float a_scale = random_scale(random), b_scale = random_scale(random);
  const auto zero = [&] { return wide ? 0 : static_cast<int32_t>(static_cast<int8_t>(random())); };
  const int32_t a_zero = zero(), b_zero = zero(), out_zero = zero();
  const auto a = random_integers<T>(random, size_of_shape(shapes.a));
  const auto b = random_integers<T>(random, size_of_shape(shapes.b));
  for (const BuiltinOperator code : {BuiltinOperator::ADD, BuiltinOperator::MUL}) {
    const bool add = code == BuiltinOperator::ADD;
    const float out_scale = add ? std::max(a_scale, b_scale) * 1.5f : a_scale * b_scale * 100;
    SingleOperator op = binary(code);
    op.input(quantised(shapes.a, a_scale, a_zero)).input(quantised(shapes.b, b_scale, b_zero));
    op.output(quantised(shapes.out, out_scale, out_zero));
    const auto actual = op.run<T>({bytes_of(a), bytes_of(b)});
    ASSERT_EQ(actual.size(), size_of_shape(shapes.out));
    for (size_t i = 0; i < actual.size(); ++i) {
      const int64_t x = a[broadcast_index(i, shapes.out, shapes.a)] - a_zero;
      const int64_t y = b[broadcast_index(i, shapes.out, shapes.b)] - b_zero;
      const int64_t expected =
          add ? added(x, y, a_scale, b_scale, out_scale, spare, out_zero, low, high)
              : requantised(x * y, static_cast<double>(a_scale) * b_scale / out_scale, out_zero, low, high);
      ASSERT_EQ(actual[i], expected) << "value " << i;
    }
  }
}

TEST(AddAndMul, AgreeWithPlainArithmeticOnRandomInt8) {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    compare_integers<int8_t>(random, TensorType::INT8, 20);
    if (HasFatalFailure()) return;
  }
}

TEST(AddAndMul, AgreeWithPlainArithmeticOnRandomInt16) {
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    compare_integers<int16_t>(random, TensorType::INT16, 15);
    if (HasFatalFailure()) return;
  }
}

TEST(AddAndMul, AgreeWithPlainArithmeticOnRandomFloats) {
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    const Shapes shapes = random_shapes(random);
    const auto a = random_floats(random, size_of_shape(shapes.a));
    const auto b = random_floats(random, size_of_shape(shapes.b));
    for (const BuiltinOperator code : {BuiltinOperator::ADD, BuiltinOperator::MUL}) {
      SingleOperator op = binary(code, ActivationFunctionType::RELU_N1_TO_1);
      op.input(float32(shapes.a)).input(float32(shapes.b)).output(float32(shapes.out));
      const auto actual = op.run<float>({bytes_of(a), bytes_of(b)});
      for (size_t k = 0; k < actual.size(); ++k) {
        const float x = a[broadcast_index(k, shapes.out, shapes.a)],
                    y = b[broadcast_index(k, shapes.out, shapes.b)];
        ASSERT_EQ(actual[k], std::clamp(code == BuiltinOperator::ADD ? x + y : x * y, -1.0f, 1.0f));
      }
    }
  }
}

TEST(AddAndMul, RefuseWhatTheyDoNotDefine) {
  for (const BuiltinOperator code : {BuiltinOperator::ADD, BuiltinOperator::MUL}) {
    SingleOperator good = binary(code);
    good.input(int8({2, 3, 4})).input(int8({3, 1})).output(int8({2, 3, 4}));
    const bool add = code == BuiltinOperator::ADD;
    expect_refusals(
        good,
        {
            {"one input", [](SingleOperator& op) { op.op().inputs.resize(1); }, Error::kOperatorOperands},
            {"three inputs", [](SingleOperator& op) { op.op().inputs.push_back(1); }, Error::kOperatorOperands},
            {"another type", [](SingleOperator& op) { op.tensor(1).type = TensorType::INT16; },
             Error::kOperandType},
            {"another type out",
             [](SingleOperator& op) {
               op.last() = float32({2, 3, 4});
             },
             Error::kOperandType},
            {"shapes apart",
             [](SingleOperator& op) {
               op.tensor(1).shape = {2, 1};
             },
             Error::kOperandShape},
            {"output too small",
             [](SingleOperator& op) {
               op.last().shape = {2, 3, 1};
             },
             Error::kOperandShape},
            {"output too flat", [](SingleOperator& op) { op.last().shape = {24}; }, Error::kOperandShape},
            {"not quantised",
             [](SingleOperator& op) {
               op.tensor(1).scale.clear();
               op.tensor(1).zero_point.clear();
             },
             Error::kOperandQuantisation},
            {"another operator's options", [](SingleOperator& op) { op.op().options_type = 1; }, Error::kOptions},
            {"output scale that needs a factor beyond", [](SingleOperator& op) { op.last().scale = {2e-38f}; },
             Error::kOperandQuantisation},
            {"activation",
             [=](SingleOperator& op) {
               op.op() = [&] {
                 auto o = binary(code, ActivationFunctionType::TANH).op();
                 o.inputs = op.op().inputs;
                 o.outputs = op.op().outputs;
                 return o;
               }();
             },
             Error::kOptions},
            {"version", [](SingleOperator& op) { op.code().version = 99; }, Error::kOperatorVersion},
        });
    SingleOperator wide = binary(code);
    wide.input(int16({4}, 0.5f, 0)).input(int16({4}, 0.5f, 1)).output(int16({4}));
    EXPECT_EQ(wide.judge(), add ? Error::kNone : Error::kOperandQuantisation);
  }
}

TEST(Relu, RescalesAndStopsAtZero) {
  SingleOperator op(BuiltinOperator::RELU, 2);
  op.input(int8({4}, 1.0f, 10)).output(int8({4}, 0.5f, -20));
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({0, 10, 13, 127})}), std::vector<int8_t>({-20, -20, -14, 127}));
}

TEST(Relu6, ClampsInTheInputsQuantisation) {
  SingleOperator op(BuiltinOperator::RELU6, 2);
  op.input(int8({4}, 0.25f, -100)).output(int8({4}, 0.25f, -100));
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({-128, -100, -80, 127})}),
            std::vector<int8_t>({-100, -100, -80, -76}));
}

TEST(Relu, ClampsFloatsAndKeepsNotANumber) {
  for (const bool six : {false, true}) {
    SingleOperator op(six ? BuiltinOperator::RELU6 : BuiltinOperator::RELU);
    op.input(float32({4})).output(float32({4}));
    const auto out = op.run<float>({bytes_of<float>({-1.5f, 2.5f, 100, NAN})});
    EXPECT_EQ(out[0], 0);
    EXPECT_EQ(out[1], 2.5f);
    EXPECT_EQ(out[2], six ? 6 : 100);
    EXPECT_TRUE(std::isnan(out[3]));
  }
}

TEST(Logistic, IsWithinOneStepOfTheFunction) {
  for (const float scale : {0.001f, 0.02f, 0.0625f, 0.1f, 0.9f, 20.0f}) {
    SingleOperator op(BuiltinOperator::LOGISTIC, 2);
    op.input(int8({256}, scale, 5)).output(int8({256}, 1.0f / 256, -128));
    std::vector<int8_t> in(256);
    for (int i = 0; i < 256; ++i) in[static_cast<size_t>(i)] = static_cast<int8_t>(i - 128);
    const auto out = op.run<int8_t>({bytes_of(in)});
    for (size_t i = 0; i < 256; ++i) {
      const double exact = 256 / (1 + exp(-static_cast<double>(scale) * (in[i] - 5))) - 128;
      ASSERT_NEAR(out[i], std::min(exact, 127.0), scale > 8 ? 128.5 : 0.75) << "scale " << scale << " value " << i;
    }
  }
}

TEST(Logistic, AgreesWithTheFunctionOnFloats) {
  SingleOperator op(BuiltinOperator::LOGISTIC);
  op.input(float32({5})).output(float32({5}));
  const std::vector<float> in = {-20, -3, 0, 2, 20};
  const auto out = op.run<float>({bytes_of(in)});
  for (size_t i = 0; i < in.size(); ++i) EXPECT_NEAR(out[i], 1 / (1 + exp(-static_cast<double>(in[i]))), 1e-7);
}

TEST(Logistic, RefusesWhatItDoesNotDefine) {
  SingleOperator good(BuiltinOperator::LOGISTIC, 2);
  good.input(int8({4}, 0.1f, 0)).output(int8({4}, 1.0f / 256, -128));
  expect_refusals(
      good,
      {
          {"output scale", [](SingleOperator& op) { op.last().scale = {1.0f / 128}; }, Error::kOperandQuantisation},
          {"output zero point", [](SingleOperator& op) { op.last().zero_point = {0}; },
           Error::kOperandQuantisation},
          {"small scale", [](SingleOperator& op) { op.tensor(0).scale = {2e-9f}; }, Error::kOperandQuantisation},
          {"tiny scale", [](SingleOperator& op) { op.tensor(0).scale = {1e-20f}; }, Error::kOperandQuantisation},
          {"shape",
           [](SingleOperator& op) {
             op.last().shape = {2, 2};
           },
           Error::kOperandShape},
          {"type", [](SingleOperator& op) { op.last().type = TensorType::INT16; }, Error::kOperandType},
      });
}

SingleOperator softmax(const TensorSpecification& input, const TensorSpecification& output, float beta = 1) {
  SingleOperator op(BuiltinOperator::SOFTMAX, 2);
  op.options<SoftmaxOptions>(tflite::CreateSoftmaxOptions, beta);
  op.input(input).output(output);
  return op;
}

TEST(Softmax, IsWithinOneStepOfTheFunction) {
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    const int32_t depth = 1 + static_cast<int32_t>(random() % 60), rows = 1 + static_cast<int32_t>(random() % 3);
    const float scale = random_scale(random), beta = random_scale(random);
    const auto in = random_integers<int8_t>(random, static_cast<size_t>(depth * rows));
    const auto narrow = softmax(int8({rows, depth}, scale, 3), int8({rows, depth}, 1.0f / 256, -128), beta)
                            .run<int8_t>({bytes_of(in)});
    const auto wide = softmax(int8({rows, depth}, scale, 3), int16({rows, depth}, 1.0f / 65536, -32768), beta)
                          .run<int16_t>({bytes_of(in)});
    for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
      double sum = 0;
      const auto value = [&](size_t i) {
        return exp(static_cast<double>(scale) * beta * (in[row * static_cast<size_t>(depth) + i] - 127));
      };
      for (size_t i = 0; i < static_cast<size_t>(depth); ++i) sum += value(i);
      for (size_t i = 0; i < static_cast<size_t>(depth); ++i) {
        const size_t at = row * static_cast<size_t>(depth) + i;
        ASSERT_NEAR(narrow[at], std::min(256 * value(i) / sum - 128, 127.0), 0.6);
        ASSERT_NEAR(wide[at], std::min(65536 * value(i) / sum - 32768, 32767.0), 3);
      }
    }
  }
}

TEST(Softmax, StaysDefinedForRowsSoLongThatEveryShareIsZero) {
  const auto out = softmax(int8({4000}), int8({4000}, 1.0f / 256, -128)).run<int8_t>({std::vector<uint8_t>(4000)});
  EXPECT_EQ(out, std::vector<int8_t>(4000, -128));
}

TEST(Softmax, AddsUpToOneOnFloats) {
  const std::vector<float> in = {1, 2, 3, -1, 1000, 999};
  const auto out = softmax(float32({2, 3}), float32({2, 3}), 2).run<float>({bytes_of(in)});
  const double sum = exp(-4.0) + exp(-2.0) + 1;
  EXPECT_NEAR(out[0], exp(-4.0) / sum, 1e-6);
  EXPECT_NEAR(out[2], 1 / sum, 1e-6);
  EXPECT_EQ(out[3], 0);
  EXPECT_NEAR(out[4], 1 / (1 + exp(-2.0)), 1e-6);
}

TEST(Softmax, RefusesWhatItDoesNotDefine) {
  const SingleOperator good = softmax(int8({2, 3}), int8({2, 3}, 1.0f / 256, -128));
  const auto beta = [](float value) {
    return [=](SingleOperator& op) { op.options<SoftmaxOptions>(tflite::CreateSoftmaxOptions, value); };
  };
  expect_refusals(
      good,
      {
          {"no options", [](SingleOperator& op) { op.op().options_type = 0; }, Error::kOptions},
          {"beta 0", beta(0), Error::kOptions},
          {"negative beta", beta(-1), Error::kOptions},
          {"beta not a number", beta(NAN), Error::kOptions},
          {"infinite beta", beta(INFINITY), Error::kOptions},
          {"beta so small that all values are alike", beta(1e-9f), Error::kOperandQuantisation},
          {"output scale", [](SingleOperator& op) { op.last().scale = {1.0f / 255}; }, Error::kOperandQuantisation},
          {"output zero point", [](SingleOperator& op) { op.last().zero_point = {-127}; },
           Error::kOperandQuantisation},
          {"output type", [](SingleOperator& op) { op.last().type = TensorType::INT32; }, Error::kOperandType},
          {"shape",
           [](SingleOperator& op) {
             op.last().shape = {3, 2};
           },
           Error::kOperandShape},
          {"scalar", [](SingleOperator& op) { op.tensor(0).shape = op.last().shape = {}; }, Error::kOperandShape},
          {"rows too long", [](SingleOperator& op) { op.tensor(0).shape = op.last().shape = {4096}; },
           Error::kOverflow},
      });
  const SingleOperator wide = softmax(int8({3}), int16({3}, 1.0f / 65536, -32768));
  expect_refusals(wide, {{"scale 0.2 % off", [](SingleOperator& op) { op.last().scale = {1.002f / 65536}; },
                          Error::kOperandQuantisation}});
}

}  // namespace
}  // namespace roost::runtime::testing
