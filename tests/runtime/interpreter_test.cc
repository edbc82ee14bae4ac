// Proves what the Engine contract says, on the interpreter with kernels that a test can foretell: values flow
// through the planned arena, variables keep and lose their state when they should, nothing outside the arena is
// touched.
#include "runtime/interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/runtime/fake_kernels.h"
#include "tests/runtime/model_builder.h"

namespace roost::runtime::testing {
namespace {

using ::testing::ElementsAre;

GateInput with_fake_kernels() {
  GateInput input;
  input.kernels = fake_kernels();
  return input;
}

class InterpreterTest : public ::testing::Test {
 protected:
  InterpreterTest() : interpreter_(with_fake_kernels()) {}

  Status prepare(const ModelSpec& model) {
    file_ = build(model);
    return interpreter_.prepare(file(), MutableBytes(arena_.data(), arena_.size()), scratch_);
  }
  Bytes file() const { return Bytes(file_.data(), file_.size()); }

  void set_input(std::vector<int8_t> values, uint32_t index = 0) {
    ASSERT_EQ(interpreter_.input(index).bytes.size(), values.size());
    std::memcpy(interpreter_.input(index).bytes.data(), values.data(), values.size());
  }
  std::vector<int8_t> get_output(uint32_t index = 0) {
    const Bytes bytes = interpreter_.output(index).bytes;
    return std::vector<int8_t>(bytes.begin(), bytes.end());
  }
  std::vector<int8_t> run(std::vector<int8_t> values) {
    set_input(values);
    EXPECT_TRUE(interpreter_.invoke().ok());
    return get_output();
  }

  // input + state -> CUMSUM -> NEG -> output; tensor 3 is the state.
  static ModelSpec accumulator() {
    ModelSpec model = chain_model({2}, 2);
    model.codes.push_back(CodeSpecification{BuiltinOperator::CUMSUM, 1, ""});
    GraphSpecification& graph = model.graphs[0];
    graph.tensors.push_back(graph.tensors[0]);
    graph.tensors[3].is_variable = true;
    graph.operators[0].code = 1;
    graph.operators[0].inputs = {0, 3};
    return model;
  }

  AlignedBytes file_;
  AlignedBytes arena_{1024, 0xA5};
  std::vector<uint8_t> scratch_ = std::vector<uint8_t>(4096);
  Interpreter interpreter_;
};

TEST_F(InterpreterTest, RunsAChainOfOperators) {
  ASSERT_TRUE(prepare(chain_model({3}, 3)).ok());
  EXPECT_THAT(run({1, -2, 3}), ElementsAre(-1, 2, -3));
  EXPECT_THAT(run({4, 5, 6}), ElementsAre(-4, -5, -6));
}

TEST_F(InterpreterTest, RunsOperatorsWithScratch) {
  ModelSpec model = chain_model({3}, 2);
  model.codes.push_back(CodeSpecification{BuiltinOperator::ABS, 1, ""});
  model.graphs[0].operators[1].code = 1;
  ASSERT_TRUE(prepare(model).ok());
  EXPECT_THAT(run({1, -2, 3}), ElementsAre(1, 2, 3));
}

TEST_F(InterpreterTest, StepsOneOperatorAtATime) {
  ASSERT_TRUE(prepare(chain_model({1}, 3)).ok());
  for (int inference = 0; inference < 2; ++inference) {
    set_input({7});
    EXPECT_EQ(interpreter_.step().value(), Progress::kMore);
    EXPECT_EQ(interpreter_.step().value(), Progress::kMore);
    EXPECT_EQ(interpreter_.step().value(), Progress::kFinished);
    EXPECT_THAT(get_output(), ElementsAre(-7));
  }
}

TEST_F(InterpreterTest, InvokeFinishesAnInferenceUnderWay) {
  ASSERT_TRUE(prepare(chain_model({1}, 3)).ok());
  set_input({7});
  EXPECT_EQ(interpreter_.step().value(), Progress::kMore);
  EXPECT_TRUE(interpreter_.invoke().ok());
  EXPECT_THAT(get_output(), ElementsAre(-7));
}

TEST_F(InterpreterTest, ResetAbandonsAnInferenceUnderWay) {
  ASSERT_TRUE(prepare(chain_model({1}, 2)).ok());
  set_input({7});
  EXPECT_EQ(interpreter_.step().value(), Progress::kMore);
  EXPECT_TRUE(interpreter_.reset().ok());
  EXPECT_THAT(run({5}), ElementsAre(5));
}

TEST_F(InterpreterTest, KeepsVariablesBetweenInferencesUntilReset) {
  ASSERT_TRUE(prepare(accumulator()).ok());
  EXPECT_THAT(run({1, 2}), ElementsAre(-1, -2));
  EXPECT_THAT(run({1, 2}), ElementsAre(-2, -4));
  ASSERT_TRUE(interpreter_.reset().ok());
  EXPECT_THAT(run({1, 2}), ElementsAre(-1, -2));
}

TEST_F(InterpreterTest, StartsVariablesAtTheirZeroPoint) {
  ModelSpec model = accumulator();
  model.graphs[0].tensors[3].zero_point = {-5};
  ASSERT_TRUE(prepare(model).ok());
  EXPECT_THAT(run({1, 2}), ElementsAre(4, 3));
}

TEST_F(InterpreterTest, RunsAModelWithoutOperators) {
  ModelSpec model = chain_model({2}, 0);
  ASSERT_TRUE(prepare(model).ok());
  EXPECT_THAT(run({3, 4}), ElementsAre(3, 4));
  model.graphs[0] = GraphSpecification{};
  ASSERT_TRUE(prepare(model).ok());
  EXPECT_EQ(interpreter_.input_count(), 0u);
  EXPECT_TRUE(interpreter_.invoke().ok());
}

TEST_F(InterpreterTest, OffersAConstantOutputFromTheFile) {
  ModelSpec model = chain_model({2}, 1);
  model.buffers.push_back(BufferSpecification{{9, 8}});
  TensorSpecification constant = model.graphs[0].tensors[0];
  constant.buffer = 1;
  model.graphs[0].tensors.push_back(constant);
  model.graphs[0].outputs = {2, 1};
  ASSERT_TRUE(prepare(model).ok());
  EXPECT_THAT(run({3, 4}), ElementsAre(9, 8));
  EXPECT_THAT(get_output(1), ElementsAre(-3, -4));
}

TEST_F(InterpreterTest, TellsTypeShapeAndQuantisationOfInputsAndOutputs) {
  ModelSpec model = chain_model({2, 3}, 1);
  model.graphs[0].tensors[0].scale = {0.25f};
  model.graphs[0].tensors[0].zero_point = {-3};
  model.graphs[0].tensors[1].scale = {};
  model.graphs[0].tensors[1].zero_point = {};
  ASSERT_TRUE(prepare(model).ok());
  const IoTensor input = interpreter_.input(0);
  EXPECT_EQ(input.type, TensorType::INT8);
  EXPECT_THAT(std::vector<int32_t>(input.shape.begin(), input.shape.end()), ElementsAre(2, 3));
  EXPECT_EQ(input.bytes.size(), 6u);
  EXPECT_EQ(input.scale, 0.25f);
  EXPECT_EQ(input.zero_point, -3);
  EXPECT_EQ(interpreter_.output(0).scale, 0.0f);
}

TEST_F(InterpreterTest, MeasuresExactlyWhatItUses) {
  file_ = build(accumulator());
  const Result<Judgement> measured = interpreter_.measure(file(), scratch_);
  ASSERT_TRUE(measured.ok());
  const uint32_t need = measured.value().arena_bytes;
  AlignedBytes arena(need + 16, 0xA5);
  EXPECT_EQ(interpreter_.prepare(file(), MutableBytes(arena.data(), need - 1), scratch_).error(),
            Error::kArenaTooSmall);
  ASSERT_TRUE(interpreter_.prepare(file(), MutableBytes(arena.data(), need), scratch_).ok());
  EXPECT_THAT(run({1, 2}), ElementsAre(-1, -2));
  for (uint32_t i = need; i < arena.size(); ++i) EXPECT_EQ(arena.data()[i], 0xA5) << i;
}

TEST_F(InterpreterTest, PreparesTheOtherSubgraphsToo) {
  ModelSpec model = accumulator();
  model.graphs.push_back(accumulator().graphs[0]);
  model.graphs.push_back(chain_model({300}, 1).graphs[0]);
  ASSERT_TRUE(prepare(model).ok());
  EXPECT_GE(interpreter_.judgement().arena_bytes, 600u);
  EXPECT_EQ(interpreter_.judgement().variable_bytes, 32u);
  EXPECT_THAT(run({1, 2}), ElementsAre(-1, -2));
}

TEST_F(InterpreterTest, RefusesWhatTheGateRefusesAndHoldsNothing) {
  ASSERT_TRUE(prepare(chain_model({1}, 1)).ok());
  ModelSpec model = chain_model({1}, 1);
  model.codes[0].version = 9;
  EXPECT_EQ(prepare(model).error(), Error::kOperatorVersion);
  EXPECT_EQ(interpreter_.report().op_index, 0);
  EXPECT_EQ(interpreter_.input_count(), 0u);
  EXPECT_EQ(interpreter_.invoke().error(), Error::kNotPrepared);
}

TEST_F(InterpreterTest, DoesNothingWithoutAModel) {
  EXPECT_EQ(interpreter_.step().error(), Error::kNotPrepared);
  EXPECT_EQ(interpreter_.invoke().error(), Error::kNotPrepared);
  EXPECT_EQ(interpreter_.reset().error(), Error::kNotPrepared);
  EXPECT_EQ(interpreter_.input_count(), 0u);
  EXPECT_EQ(interpreter_.output_count(), 0u);
  EXPECT_TRUE(interpreter_.input(0).bytes.empty());
  EXPECT_TRUE(interpreter_.output(0).bytes.empty());
  EXPECT_EQ(interpreter_.longest_block(), 0u);
  interpreter_.release();
}

TEST_F(InterpreterTest, OffersNothingBeyondItsInputsAndOutputs) {
  ASSERT_TRUE(prepare(chain_model({1}, 1)).ok());
  EXPECT_TRUE(interpreter_.input(1).bytes.empty());
  EXPECT_TRUE(interpreter_.output(1).bytes.empty());
}

TEST_F(InterpreterTest, ReportsTheOperatorThatFailedAndStartsOver) {
  ModelSpec model = chain_model({1}, 2);
  model.codes.push_back(CodeSpecification{BuiltinOperator::SQRT, 1, ""});
  model.graphs[0].operators[1].code = 1;
  ASSERT_TRUE(prepare(model).ok());
  set_input({5});  // NEG makes it -5
  EXPECT_EQ(interpreter_.invoke().error(), Error::kInvokeFailed);
  EXPECT_EQ(interpreter_.report().op_index, 1);
  EXPECT_EQ(interpreter_.report().op, BuiltinOperator::SQRT);
  EXPECT_THAT(run({-5}), ElementsAre(-5));
}

class Recorder final : public OperatorObserver {
 public:
  void on_operator(uint32_t op_index, BuiltinOperator op, const OperatorView& view) override {
    seen_.push_back(
        {static_cast<int>(op_index), static_cast<int>(op), view.output_index(0), view.output(0).data<int8_t>()[0]});
  }
  std::vector<std::vector<int>> seen_;
};

TEST_F(InterpreterTest, ShowsEveryOperatorToItsObserver) {
  Recorder recorder;
  interpreter_.observe(&recorder);
  ASSERT_TRUE(prepare(chain_model({1}, 2)).ok());
  run({7});
  const int neg = static_cast<int>(BuiltinOperator::NEG);
  EXPECT_THAT(recorder.seen_, ElementsAre(ElementsAre(0, neg, 1, -7), ElementsAre(1, neg, 2, 7)));
}

}  // namespace
}  // namespace roost::runtime::testing
