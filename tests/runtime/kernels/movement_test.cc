// Proves the operators that move values (RESHAPE, CONCATENATION, PAD, PADV2, STRIDED_SLICE) and those that change
// their type (QUANTIZE, DEQUANTIZE): cases worked out by hand, random ones against plain loops, refusals.
#include <math.h>

#include <algorithm>
#include <cmath>

#include "tests/runtime/kernels/single_operator.h"

namespace roost::runtime::testing {
namespace {

using tflite::ActivationFunctionType;
using tflite::ConcatenationOptions;
using tflite::StridedSliceOptions;

std::vector<int8_t> counting(size_t count, int8_t from = 1) {
  std::vector<int8_t> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<int8_t>(from + static_cast<int>(i));
  return values;
}

SingleOperator reshape(const TensorSpecification& input, const std::vector<int32_t>& shape,
                       const TensorSpecification& output) {
  SingleOperator op(BuiltinOperator::RESHAPE);
  op.input(input).constant(int32({static_cast<int32_t>(shape.size())}), shape).output(output);
  return op;
}

TEST(Reshape, KeepsTheValues) {
  const auto values = counting(24);
  EXPECT_EQ(reshape(int8({2, 3, 4}), {4, -1}, int8({4, 6})).run<int8_t>({bytes_of(values)}), values);
  SingleOperator without_operand(BuiltinOperator::RESHAPE);
  without_operand.input(float32({1, 1})).output(float32({}));
  EXPECT_EQ(without_operand.run<float>({bytes_of<float>({7})}), std::vector<float>({7}));
}

TEST(Reshape, RefusesWhatItDoesNotDefine) {
  const SingleOperator good = reshape(int8({2, 6}), {4, 3}, int8({4, 3}));
  const auto shape = [](const std::vector<int32_t>& values) {
    return [=](SingleOperator& op) { op.constant_data(1) = bytes_of(values); };
  };
  expect_refusals(
      good,
      {
          {"another count",
           [](SingleOperator& op) {
             op.tensor(0).shape = {2, 5};
           },
           Error::kOperandShape},
          {"another type", [](SingleOperator& op) { op.last().type = TensorType::BOOL; }, Error::kOperandType},
          {"an operand that disagrees", shape({3, 4}), Error::kOperandValue},
          {"two left over", shape({-1, -1}), Error::kOperandValue},
          {"operand of another rank", [](SingleOperator& op) { op.last().shape = {12}; }, Error::kOperandValue},
          {"operand not constant", [](SingleOperator& op) { op.make_variable_input(1); },
           Error::kOperandNotConstant},
          {"three operands", [](SingleOperator& op) { op.op().inputs.push_back(0); }, Error::kOperatorOperands},
      });
}

SingleOperator concatenation(int32_t axis, const std::vector<TensorSpecification>& inputs,
                             const TensorSpecification& output) {
  SingleOperator op(BuiltinOperator::CONCATENATION, 2);
  op.options<ConcatenationOptions>(tflite::CreateConcatenationOptions, axis, ActivationFunctionType::NONE);
  for (const auto& input : inputs) op.input(input);
  op.output(output);
  return op;
}

TEST(Concatenation, PutsPiecesSideBySideAlongAnyAxis) {
  const auto a = bytes_of<int8_t>({1, 2, 3, 4}), b = bytes_of<int8_t>({5, 6}), c = bytes_of<int8_t>({7, 8});
  EXPECT_EQ(concatenation(-1, {int8({2, 2}), int8({2, 1}), int8({2, 1})}, int8({2, 4})).run<int8_t>({a, b, c}),
            std::vector<int8_t>({1, 2, 5, 7, 3, 4, 6, 8}));
  EXPECT_EQ(concatenation(0, {int8({2, 2}), int8({1, 2}), int8({1, 2})}, int8({4, 2})).run<int8_t>({a, b, c}),
            std::vector<int8_t>({1, 2, 3, 4, 5, 6, 7, 8}));
  const auto x = bytes_of<int32_t>({70000, -2}), y = bytes_of<int32_t>({3, 4});
  EXPECT_EQ(concatenation(1, {int32({2, 1}), int32({2, 1})}, int32({2, 2})).run<int32_t>({x, y}),
            std::vector<int32_t>({70000, 3, -2, 4}));
}

TEST(Concatenation, RefusesWhatItDoesNotDefine) {
  const SingleOperator good = concatenation(1, {int8({2, 3}), int8({2, 1})}, int8({2, 4}));
  const auto options = [](int32_t axis, ActivationFunctionType activation) {
    return [=](SingleOperator& op) {
      op.options<ConcatenationOptions>(tflite::CreateConcatenationOptions, axis, activation);
    };
  };
  expect_refusals(
      good,
      {
          {"axis 2", options(2, ActivationFunctionType::NONE), Error::kOptions},
          {"axis -3", options(-3, ActivationFunctionType::NONE), Error::kOptions},
          {"a fused activation", options(1, ActivationFunctionType::RELU), Error::kOptions},
          {"another axis", options(0, ActivationFunctionType::NONE), Error::kOperandShape},
          {"another scale", [](SingleOperator& op) { op.tensor(1).scale = {0.25f}; }, Error::kOperandQuantisation},
          {"another zero point", [](SingleOperator& op) { op.tensor(0).zero_point = {1}; },
           Error::kOperandQuantisation},
          {"another type", [](SingleOperator& op) { op.tensor(1).type = TensorType::BOOL; }, Error::kOperandType},
          {"another rank", [](SingleOperator& op) { op.tensor(1).shape = {2}; }, Error::kOperandShape},
          {"output too long",
           [](SingleOperator& op) {
             op.last().shape = {2, 5};
           },
           Error::kOperandShape},
          {"an operand left out", [](SingleOperator& op) { op.op().inputs[1] = -1; }, Error::kOperatorOperands},
          {"no options", [](SingleOperator& op) { op.op().options_type = 0; }, Error::kOptions},
      });
}

SingleOperator pad(const TensorSpecification& input, const std::vector<int32_t>& paddings,
                   const TensorSpecification& output) {
  SingleOperator op(BuiltinOperator::PAD, 2);
  op.input(input);
  op.constant(int32({static_cast<int32_t>(paddings.size() / 2), 2}), paddings).output(output);
  return op;
}

TEST(Pad, SurroundsWithTheZeroPoint) {
  EXPECT_EQ(
      pad(int8({1, 2, 1}, 1, 9), {0, 1, 1, 0, 0, 1}, int8({2, 3, 2}, 1, 9)).run<int8_t>({bytes_of<int8_t>({1, 2})}),
      std::vector<int8_t>({9, 9, 1, 9, 2, 9, 9, 9, 9, 9, 9, 9}));
  EXPECT_EQ(pad(float32({2}), {1, 2}, float32({5})).run<float>({bytes_of<float>({1, 2})}),
            std::vector<float>({0, 1, 2, 0, 0}));
}

TEST(PadV2, SurroundsWithItsThirdOperand) {
  SingleOperator op(BuiltinOperator::PADV2, 2);
  op.input(int8({2})).constant<int32_t>(int32({1, 2}), {2, 1}).constant<int8_t>(int8({1}), {-5}).output(int8({5}));
  EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({1, 2})}), std::vector<int8_t>({-5, -5, 1, 2, -5}));
  expect_refusals(
      op, {
              {"value of another type", [](SingleOperator& spoiled) { spoiled.tensor(2).type = TensorType::BOOL; },
               Error::kOperandType},
              {"value of another scale", [](SingleOperator& spoiled) { spoiled.tensor(2).scale = {1}; },
               Error::kOperandQuantisation},
              {"two values",
               [](SingleOperator& spoiled) {
                 spoiled.tensor(2).shape = {2};
                 spoiled.constant_data(2).push_back(0);
               },
               Error::kOperandShape},
          });
}

TEST(Pad, RefusesWhatItDoesNotDefine) {
  const SingleOperator good = pad(int8({2, 3}), {1, 0, 0, 2}, int8({3, 5}));
  const auto paddings = [](const std::vector<int32_t>& values) {
    return [=](SingleOperator& op) { op.constant_data(1) = bytes_of(values); };
  };
  expect_refusals(
      good,
      {
          {"negative padding", paddings({2, -1, 0, 2}), Error::kOperandValue},
          {"other padding", paddings({0, 0, 0, 2}), Error::kOperandShape},
          {"padding that overflows", paddings({INT32_MAX, INT32_MAX, 0, 2}), Error::kOperandShape},
          {"paddings not constant", [](SingleOperator& op) { op.make_variable_input(1); },
           Error::kOperandNotConstant},
          {"too few paddings",
           [](SingleOperator& op) {
             op.tensor(1).shape = {1, 2};
             op.constant_data(1).resize(8);
           },
           Error::kOperandShape},
          {"output rank", [](SingleOperator& op) { op.last().shape = {15}; }, Error::kOperandShape},
          {"output type", [](SingleOperator& op) { op.last().type = TensorType::INT16; }, Error::kOperandType},
          {"three operands", [](SingleOperator& op) { op.op().inputs.push_back(0); }, Error::kOperatorOperands},
      });
}

struct Masks {
  int32_t begin = 0, end = 0, ellipsis = 0, new_axis = 0, shrink = 0;
};

SingleOperator slice(const TensorSpecification& input, const std::vector<int32_t>& begin,
                     const std::vector<int32_t>& end, const std::vector<int32_t>& strides, Masks masks,
                     const TensorSpecification& output, bool offset = false) {
  const int32_t rank = static_cast<int32_t>(begin.size());
  SingleOperator op(BuiltinOperator::STRIDED_SLICE, 2);
  op.options<StridedSliceOptions>(tflite::CreateStridedSliceOptions, masks.begin, masks.end, masks.ellipsis,
                                  masks.new_axis, masks.shrink, offset);
  op.input(input).constant(int32({rank}), begin).constant(int32({rank}), end).constant(int32({rank}), strides);
  op.output(output);
  return op;
}

TEST(StridedSlice, TakesWhatNumPyWould) {
  const std::vector<std::vector<uint8_t>> in = {bytes_of(counting(12))};  // 1..4 / 5..8 / 9..12
  const auto from = int8({3, 4});
  using Values = std::vector<int8_t>;
  EXPECT_EQ(slice(from, {1, 1}, {3, 3}, {1, 1}, {}, int8({2, 2})).run<int8_t>(in), Values({6, 7, 10, 11}));
  EXPECT_EQ(slice(from, {0, 0}, {3, 4}, {2, 3}, {}, int8({2, 2})).run<int8_t>(in), Values({1, 4, 9, 12}));
  EXPECT_EQ(slice(from, {-1, -2}, {99, 99}, {1, 1}, {}, int8({1, 2})).run<int8_t>(in), Values({11, 12}));
  EXPECT_EQ(slice(from, {2, 3}, {0, 0}, {-1, -2}, {}, int8({2, 2})).run<int8_t>(in), Values({12, 10, 8, 6}));
  EXPECT_EQ(slice(from, {7, 7}, {7, 7}, {-1, 1}, {3, 3, 0, 0, 0}, int8({3, 4})).run<int8_t>(in),
            Values({9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4}));
  EXPECT_EQ(slice(from, {1, 0}, {0, 4}, {1, 1}, {0, 0, 0, 0, 1}, int8({4})).run<int8_t>(in), Values({5, 6, 7, 8}));
  EXPECT_EQ(slice(from, {-1, -1}, {0, 0}, {1, 1}, {0, 0, 0, 0, 3}, int8({})).run<int8_t>(in), Values({12}));
  EXPECT_EQ(slice(int32({4}), {1}, {INT32_MAX}, {INT32_MAX}, {}, int32({1}))
                .run<int32_t>({bytes_of<int32_t>({1, 2, 3, 4})}),
            std::vector<int32_t>({2}));
}

TEST(StridedSlice, AgreesWithPlainLoopsOnRandomSlices) {
  std::mt19937 random(1);
  int compared = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<int32_t> shape(3), begin(3), end(3), strides(3), out_shape;
    Masks masks;
    masks.begin = static_cast<int32_t>(random() % 8);
    masks.end = static_cast<int32_t>(random() % 8);
    std::vector<std::vector<size_t>> taken(3);
    for (size_t axis = 0; axis < 3; ++axis) {
      const int32_t size = shape[axis] = 1 + static_cast<int32_t>(random() % 5);
      begin[axis] = static_cast<int32_t>(random() % 15) - 7;
      end[axis] = static_cast<int32_t>(random() % 15) - 7;
      strides[axis] = static_cast<int32_t>(random() % 7) - 3;
      if (strides[axis] == 0) strides[axis] = 1;
      const bool forwards = strides[axis] > 0;
      const auto place = [&](int32_t index) {
        if (index < 0) index += size;
        return forwards ? std::clamp(index, 0, size) : std::clamp(index, -1, size - 1);
      };
      const bool from_start = (masks.begin >> axis & 1) != 0, to_end = (masks.end >> axis & 1) != 0;
      const int32_t first = from_start ? (forwards ? 0 : size - 1) : place(begin[axis]);
      const int32_t last = to_end ? (forwards ? size : -1) : place(end[axis]);
      for (int32_t i = first; forwards ? i < last : i > last; i += strides[axis]) {
        taken[axis].push_back(static_cast<size_t>(i));
      }
      out_shape.push_back(static_cast<int32_t>(taken[axis].size()));
    }
    if (std::count(out_shape.begin(), out_shape.end(), 0) > 0) continue;
    const auto in = counting(static_cast<size_t>(shape[0] * shape[1] * shape[2]));
    std::vector<int8_t> expected;
    for (size_t a : taken[0]) {
      for (size_t b : taken[1]) {
        for (size_t c : taken[2]) {
          expected.push_back(in[(a * static_cast<size_t>(shape[1]) + b) * static_cast<size_t>(shape[2]) + c]);
        }
      }
    }
    ASSERT_EQ(slice(int8(shape), begin, end, strides, masks, int8(out_shape)).run<int8_t>({bytes_of(in)}),
              expected);
    ++compared;
  }
  EXPECT_GT(compared, 200);
}

TEST(StridedSlice, RefusesWhatItDoesNotDefine) {
  const SingleOperator good = slice(int8({3, 4}), {1, 1}, {3, 3}, {1, 1}, {}, int8({2, 2}));
  const auto operand = [](size_t index, const std::vector<int32_t>& values) {
    return [=](SingleOperator& op) { op.constant_data(index) = bytes_of(values); };
  };
  const auto masks = [](Masks m, bool offset) {
    return [=](SingleOperator& op) {
      op.options<StridedSliceOptions>(tflite::CreateStridedSliceOptions, m.begin, m.end, m.ellipsis, m.new_axis,
                                      m.shrink, offset);
    };
  };
  expect_refusals(
      good,
      {
          {"stride 0", operand(3, {0, 1}), Error::kOperandValue},
          {"another end", operand(2, {2, 3}), Error::kOperandShape},
          {"nothing left", operand(2, {1, 3}), Error::kOperandShape},
          {"ellipsis", masks({0, 0, 1, 0, 0}, false), Error::kOptions},
          {"new axis", masks({0, 0, 0, 1, 0}, false), Error::kOptions},
          {"end as an offset", masks({}, true), Error::kOptions},
          {"an axis less than said", masks({0, 0, 0, 0, 1}, false), Error::kOperandShape},
          {"an index beyond its axis",
           [&](SingleOperator& op) {
             masks({0, 0, 0, 0, 1}, false)(op);
             op.constant_data(1) = bytes_of<int32_t>({3, 1});
           },
           Error::kOperandValue},
          {"a lone index backwards",
           [&](SingleOperator& op) {
             masks({0, 0, 0, 0, 1}, false)(op);
             op.constant_data(3) = bytes_of<int32_t>({-1, 1});
           },
           Error::kOperandValue},
          {"begin not constant", [](SingleOperator& op) { op.make_variable_input(1); }, Error::kOperandNotConstant},
          {"strides not constant", [](SingleOperator& op) { op.make_variable_input(3); },
           Error::kOperandNotConstant},
          {"begin too short",
           [](SingleOperator& op) {
             op.tensor(1).shape = {1};
             op.constant_data(1).resize(4);
           },
           Error::kOperandShape},
          {"three operands", [](SingleOperator& op) { op.op().inputs.pop_back(); }, Error::kOperatorOperands},
          {"another type", [](SingleOperator& op) { op.last().type = TensorType::BOOL; }, Error::kOperandType},
          {"no options", [](SingleOperator& op) { op.op().options_type = 0; }, Error::kOptions},
      });
}

SingleOperator quantize(const TensorSpecification& input, const TensorSpecification& output) {
  SingleOperator op(BuiltinOperator::QUANTIZE);
  op.input(input).output(output);
  return op;
}

TEST(Quantize, RoundsFloatsHalvesAwayFromZeroAndSaturates) {
  const std::vector<float> in = {0.25f, -0.25f, 0.24999999f, 1.0f, -1000, 1e30f, -INFINITY, NAN};
  EXPECT_EQ(quantize(float32({8}), int8({8}, 0.5f, 3)).run<int8_t>({bytes_of(in)}),
            std::vector<int8_t>({4, 2, 3, 5, -128, 127, -128, -128}));
  EXPECT_EQ(quantize(float32({2}), int16({2}, 0.001f, 0)).run<int16_t>({bytes_of<float>({30, -40})}),
            std::vector<int16_t>({30000, -32768}));
}

TEST(Quantize, RescalesIntegers) {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    const float in_scale = random_scale(random), out_scale = random_scale(random);
    const int32_t in_zero = static_cast<int8_t>(random()), out_zero = static_cast<int8_t>(random());
    const double factor = static_cast<double>(in_scale) / out_scale;
    const auto narrow = random_integers<int8_t>(random, 50);
    const auto wide = random_integers<int16_t>(random, 50);
    const auto to_wide =
        quantize(int8({50}, in_scale, in_zero), int16({50}, out_scale, out_zero)).run<int16_t>({bytes_of(narrow)});
    const auto to_narrow =
        quantize(int16({50}, in_scale, in_zero), int8({50}, out_scale, out_zero)).run<int8_t>({bytes_of(wide)});
    TensorSpecification words = int32({50});
    words.scale = {out_scale};
    words.zero_point = {out_zero};
    const auto to_words = quantize(int16({50}, in_scale, in_zero), words).run<int32_t>({bytes_of(wide)});
    for (size_t i = 0; i < 50; ++i) {
      ASSERT_EQ(to_wide[i], requantised(narrow[i] - in_zero, factor, out_zero, INT16_MIN, INT16_MAX));
      ASSERT_EQ(to_narrow[i], requantised(wide[i] - in_zero, factor, out_zero, -128, 127));
      ASSERT_EQ(to_words[i], rescaled(wide[i] - in_zero, factor) + out_zero);
    }
  }
}

TEST(Dequantize, MultipliesByTheScale) {
  SingleOperator op(BuiltinOperator::DEQUANTIZE, 2);
  op.input(int8({3}, 0.1f, -1)).output(float32({3}));
  EXPECT_EQ(op.run<float>({bytes_of<int8_t>({-128, -1, 127})}),
            std::vector<float>({static_cast<float>(0.1f * -127.0), 0, static_cast<float>(0.1f * 128.0)}));
  SingleOperator wide(BuiltinOperator::DEQUANTIZE, 2);
  wide.input(int16({2}, 0.3f, 0)).output(float32({2}));
  EXPECT_EQ(wide.run<float>({bytes_of<int16_t>({-32768, 9999})}),
            std::vector<float>({static_cast<float>(static_cast<double>(0.3f) * -32768),
                                static_cast<float>(static_cast<double>(0.3f) * 9999)}));
}

TEST(QuantizeAndDequantize, RefuseWhatTheyDoNotDefine) {
  const auto clear = [](TensorSpecification& tensor) {
    tensor.scale.clear();
    tensor.zero_point.clear();
  };
  expect_refusals(
      quantize(float32({2}), int8({2})),
      {
          {"to floats", [](SingleOperator& op) { op.last() = float32({2}); }, Error::kOperandType},
          {"to int32", [](SingleOperator& op) { op.last().type = TensorType::INT32; }, Error::kOperandType},
          {"shape", [](SingleOperator& op) { op.last().shape = {3}; }, Error::kOperandShape},
          {"no scale", [&](SingleOperator& op) { clear(op.last()); }, Error::kOperandQuantisation},
      });
  expect_refusals(
      quantize(int8({2}), int16({2})),
      {
          {"to uint8", [](SingleOperator& op) { op.last().type = TensorType::UINT8; }, Error::kOperandType},
          {"shape",
           [](SingleOperator& op) {
             op.last().shape = {1, 2};
           },
           Error::kOperandShape},
          {"no scale", [&](SingleOperator& op) { clear(op.tensor(0)); }, Error::kOperandQuantisation},
          {"factor of 2^30", [](SingleOperator& op) { op.tensor(0).scale = {1e9f}; }, Error::kOperandQuantisation},
      });
  SingleOperator dequantize(BuiltinOperator::DEQUANTIZE, 2);
  dequantize.input(int8({2})).output(float32({2}));
  expect_refusals(dequantize,
                  {
                      {"to integers", [](SingleOperator& op) { op.last() = int8({2}); }, Error::kOperandType},
                      {"shape", [](SingleOperator& op) { op.last().shape = {3}; }, Error::kOperandShape},
                      {"no scale", [&](SingleOperator& op) { clear(op.tensor(0)); }, Error::kOperandQuantisation},
                  });
}

}  // namespace
}  // namespace roost::runtime::testing
