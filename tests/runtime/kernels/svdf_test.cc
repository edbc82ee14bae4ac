// Proves SVDF: against a plain model that keeps every input it ever saw, over several inferences, and its refusals.
#include <math.h>

#include <algorithm>

#include "tests/runtime/kernels/single_operator.h"

namespace roost::runtime::testing {
namespace {

using tflite::ActivationFunctionType;
using tflite::SVDFOptions;

struct Filters {
  int32_t batches = 2, inputs = 3, filters = 4, memory = 5, rank = 2;

  int32_t units() const { return filters / rank; }
  SingleOperator options(ActivationFunctionType activation) const {
    SingleOperator op(BuiltinOperator::SVDF, 3);
    op.options<SVDFOptions>(tflite::CreateSVDFOptions, rank, activation, false);
    return op;
  }
};

size_t at(int32_t row, int32_t columns, int32_t column) {
  return static_cast<size_t>(row * columns + column);
}

TEST(Svdf, RemembersWhatItsFiltersSawOnFloats) {
  std::mt19937 random(1);
  const Filters f;
  const auto feature = random_floats(random, static_cast<size_t>(f.filters * f.inputs));
  const auto time = random_floats(random, static_cast<size_t>(f.filters * f.memory));
  const auto bias = random_floats(random, static_cast<size_t>(f.units()));
  const auto in = random_floats(random, static_cast<size_t>(f.batches * f.inputs));
  SingleOperator op = f.options(ActivationFunctionType::NONE);
  op.input(float32({f.batches, f.inputs})).constant(float32({f.filters, f.inputs}), feature);
  op.constant(float32({f.filters, f.memory}), time).constant(float32({f.units()}), bias);
  op.variable(float32({f.batches, f.filters * f.memory})).output(float32({f.batches, f.units()}));
  constexpr int kTimes = 8;
  const auto out = op.run<float>({bytes_of(in)}, kTimes);
  for (int32_t step = 0; step < kTimes; ++step) {
    for (int32_t batch = 0; batch < f.batches; ++batch) {
      for (int32_t unit = 0; unit < f.units(); ++unit) {
        double expected = bias[static_cast<size_t>(unit)];
        for (int32_t filter = unit * f.rank; filter < (unit + 1) * f.rank; ++filter) {
          double seen = 0;
          for (int32_t i = 0; i < f.inputs; ++i) {
            seen += static_cast<double>(feature[at(filter, f.inputs, i)]) * in[at(batch, f.inputs, i)];
          }
          // The same input every time: the newest step + 1 places of the memory hold it, the older ones nothing.
          for (int32_t age = 0; age <= std::min(step, f.memory - 1); ++age) {
            expected += seen * time[at(filter, f.memory, f.memory - 1 - age)];
          }
        }
        ASSERT_NEAR(out[static_cast<size_t>(step * f.batches * f.units()) + at(batch, f.units(), unit)], expected,
                    1e-3);
      }
    }
  }
}

template <typename State>
void compare_int8(TensorType state_type, uint32_t seed) {
  std::mt19937 random(seed);
  const bool wide = state_type == TensorType::INT16;
  const auto quantised = wide ? int16 : int8;
  Filters f;
  f.rank = 1 + static_cast<int32_t>(random() % 2);
  const int32_t in_zero = static_cast<int8_t>(random()), out_zero = static_cast<int8_t>(random());
  const int32_t state_zero = wide ? 0 : static_cast<int8_t>(random());
  const float in_scale = 0.05f, feature_scale = 0.01f, state_scale = wide ? 0.0005f : 0.13f, time_scale = 0.02f;
  const float out_scale = 0.7f;
  const auto feature = random_integers<int8_t>(random, static_cast<size_t>(f.filters * f.inputs));
  auto time = random_integers<State>(random, static_cast<size_t>(f.filters * f.memory));
  for (State& weight : time) weight = static_cast<State>(weight / 16);
  const auto in = random_integers<int8_t>(random, static_cast<size_t>(f.batches * f.inputs));
  const std::vector<int32_t> bias(static_cast<size_t>(f.units()), 321);
  SingleOperator op = f.options(ActivationFunctionType::RELU);
  op.input(int8({f.batches, f.inputs}, in_scale, in_zero));
  op.constant(int8({f.filters, f.inputs}, feature_scale), feature);
  op.constant(quantised({f.filters, f.memory}, time_scale, 0), time).constant(int32({f.units()}), bias);
  op.variable(quantised({f.batches, f.filters * f.memory}, state_scale, state_zero));
  op.output(int8({f.batches, f.units()}, out_scale, out_zero));
  constexpr int kTimes = 7;
  const auto out = op.run<int8_t>({bytes_of(in)}, kTimes);
  // Both factors are taken in single precision.
  const double to_state = in_scale * feature_scale / state_scale, to_output = state_scale * time_scale / out_scale;
  for (int32_t step = 0; step < kTimes; ++step) {
    for (int32_t batch = 0; batch < f.batches; ++batch) {
      for (int32_t unit = 0; unit < f.units(); ++unit) {
        int64_t sum = 321;
        for (int32_t filter = unit * f.rank; filter < (unit + 1) * f.rank; ++filter) {
          int64_t seen = 0;
          for (int32_t i = 0; i < f.inputs; ++i)
            seen += feature[at(filter, f.inputs, i)] * (in[at(batch, f.inputs, i)] - in_zero);
          const int64_t limited = std::clamp<int64_t>(rescaled(seen, to_state), std::numeric_limits<State>::min(),
                                                      std::numeric_limits<State>::max());
          const int64_t kept = static_cast<State>(limited + state_zero) - state_zero;
          for (int32_t age = 0; age <= std::min(step, f.memory - 1); ++age) {
            sum += kept * time[at(filter, f.memory, f.memory - 1 - age)];
          }
        }
        ASSERT_EQ(out[static_cast<size_t>(step * f.batches * f.units()) + at(batch, f.units(), unit)],
                  requantised(sum, to_output, out_zero, -128, 127));
      }
    }
  }
}

TEST(Svdf, RemembersWhatItsFiltersSawOnInt8) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    compare_int8<int8_t>(TensorType::INT8, seed);
    compare_int8<int16_t>(TensorType::INT16, seed);
    if (HasFatalFailure()) return;
  }
}

TEST(Svdf, RefusesWhatItDoesNotDefine) {
  const Filters f;
  SingleOperator good = f.options(ActivationFunctionType::RELU);
  good.input(int8({2, 3})).constant(int8({4, 3}), std::vector<int8_t>(12));
  good.constant(int16({4, 5}), std::vector<int16_t>(20)).constant(int32({2}), std::vector<int32_t>(2));
  good.variable(int16({2, 20})).output(int8({2, 2}));
  const auto options = [](int32_t rank, ActivationFunctionType activation) {
    return [=](SingleOperator& op) { op.options<SVDFOptions>(tflite::CreateSVDFOptions, rank, activation, false); };
  };
  const auto relu = ActivationFunctionType::RELU;
  expect_refusals(
      good,
      {
          {"no options", [](SingleOperator& op) { op.op().options_type = 0; }, Error::kOptions},
          {"rank 0", options(0, relu), Error::kOptions},
          {"negative rank", options(-2, relu), Error::kOptions},
          {"rank 3", options(3, relu), Error::kOptions},
          {"rank 1", options(1, relu), Error::kOperandShape},
          {"activation", options(2, ActivationFunctionType::RELU6), Error::kOptions},
          {"no state", [](SingleOperator& op) { op.op().inputs.pop_back(); }, Error::kOperatorOperands},
          {"state left out", [](SingleOperator& op) { op.op().inputs[4] = -1; }, Error::kOperatorOperands},
          {"state that is not one",
           [](SingleOperator& op) {
             op.tensor(4).is_variable = false;
             op.graph().inputs.push_back(4);
           },
           Error::kVariableTensor},
          {"state too short",
           [](SingleOperator& op) {
             op.tensor(4).shape = {2, 19};
           },
           Error::kOperandShape},
          {"state of another type", [](SingleOperator& op) { op.tensor(4).type = TensorType::INT8; },
           Error::kOperandType},
          {"state of floats",
           [](SingleOperator& op) {
             op.tensor(4) = float32({2, 20});
             op.tensor(4).is_variable = true;
           },
           Error::kOperandType},
          {"time weights not constant", [](SingleOperator& op) { op.make_variable_input(2); },
           Error::kOperandNotConstant},
          {"feature weights not constant", [](SingleOperator& op) { op.make_variable_input(1); },
           Error::kOperandNotConstant},
          {"bias not constant", [](SingleOperator& op) { op.make_variable_input(3); }, Error::kOperandNotConstant},
          {"inputs",
           [](SingleOperator& op) {
             op.tensor(0).shape = {2, 4};
           },
           Error::kOperandShape},
          {"outputs",
           [](SingleOperator& op) {
             op.last().shape = {2, 4};
           },
           Error::kOperandShape},
          {"output type", [](SingleOperator& op) { op.last().type = TensorType::INT16; }, Error::kOperandType},
          {"time weights' zero point", [](SingleOperator& op) { op.tensor(2).zero_point = {1}; },
           Error::kOperandQuantisation},
          {"state not quantised",
           [](SingleOperator& op) {
             op.tensor(4).scale.clear();
             op.tensor(4).zero_point.clear();
           },
           Error::kOperandQuantisation},
          {"factor of 2^30", [](SingleOperator& op) { op.tensor(0).scale = {4e9f}; }, Error::kOperandQuantisation},
      });
}

}  // namespace
}  // namespace roost::runtime::testing
