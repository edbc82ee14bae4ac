// Proves that what is shown of a model is what the gate judged and the interpreter will use.
#include "runtime/inspect.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/runtime/fake_kernels.h"
#include "tests/runtime/model_builder.h"

namespace roost::runtime::testing {
namespace {

class Collector final : public InspectVisitor {
 public:
  void on_operator(const InspectedOperator& op) override { operators_.push_back(op); }
  void on_tensor(const InspectedTensor& tensor) override { tensors_.push_back(tensor); }

  const InspectedTensor* find(InspectedTensor::Kind kind, uint32_t index) const {
    for (const InspectedTensor& tensor : tensors_) {
      if (tensor.kind == kind && tensor.index == index) return &tensor;
    }
    return nullptr;
  }

  std::vector<InspectedOperator> operators_;
  std::vector<InspectedTensor> tensors_;
};

class Inspect : public ::testing::Test {
 protected:
  Inspection look(const ModelSpec& model) {
    file_ = build(model);
    GateInput input;
    input.kernels = fake_kernels();
    return inspect(Bytes(file_.data(), file_.size()), input, scratch_, seen_);
  }

  AlignedBytes file_;
  std::vector<uint8_t> scratch_ = std::vector<uint8_t>(4096);
  Collector seen_;
};

TEST_F(Inspect, ShowsOperatorsWithTheirCosts) {
  ModelSpec model = chain_model({5}, 2);
  model.codes.push_back(CodeSpecification{BuiltinOperator::ABS, 1, ""});
  model.graphs[0].operators[1].code = 1;
  const Inspection inspection = look(model);
  ASSERT_TRUE(inspection.report.ok());
  ASSERT_EQ(seen_.operators_.size(), 2u);
  EXPECT_EQ(seen_.operators_[1].op, BuiltinOperator::ABS);
  EXPECT_EQ(seen_.operators_[1].needs.scratch_bytes, 5u);
  EXPECT_EQ(seen_.operators_[1].needs.steps, 5u);
  EXPECT_EQ(seen_.operators_[1].inputs[0], 1);
  EXPECT_TRUE(seen_.operators_[1].supported);
  EXPECT_EQ(inspection.inputs[0], 0);
  EXPECT_EQ(inspection.outputs[0], 2);
}

TEST_F(Inspect, ShowsWhereTensorsLieAndWhenTheyLive) {
  ModelSpec model = chain_model({5}, 3);
  const Inspection inspection = look(model);
  const InspectedTensor* middle = seen_.find(InspectedTensor::kPlanned, 1);
  ASSERT_NE(middle, nullptr);
  EXPECT_STREQ(middle->name, "t1");
  EXPECT_EQ(middle->written, 0);
  EXPECT_EQ(middle->read, 1);
  EXPECT_EQ(middle->bytes, 5u);
  EXPECT_EQ(middle->scale, 0.5f);
  EXPECT_GE(middle->offset, inspection.judgement.persistent_bytes);
  EXPECT_EQ(seen_.find(InspectedTensor::kPlanned, 0)->written, -1);
  EXPECT_EQ(seen_.find(InspectedTensor::kPlanned, 3)->read, 3);
}

TEST_F(Inspect, ShowsConstantsAndTheirBytes) {
  ModelSpec model = chain_model({5}, 1);
  model.graphs[0].inputs = {};
  model.buffers.push_back(BufferSpecification{std::vector<uint8_t>(5, 1)});
  model.graphs[0].tensors[0].buffer = 1;
  const Inspection inspection = look(model);
  EXPECT_EQ(inspection.weight_bytes, 5u);
  EXPECT_NE(seen_.find(InspectedTensor::kConstant, 0), nullptr);
}

TEST_F(Inspect, ShowsTheOperatorsOfARefusedModel) {
  ModelSpec model = chain_model({5}, 2);
  model.codes[0].op = BuiltinOperator::CUSTOM;
  model.codes[0].custom = "mine";
  const Inspection inspection = look(model);
  EXPECT_EQ(inspection.report.error, Error::kOperatorCustom);
  ASSERT_EQ(seen_.operators_.size(), 2u);
  EXPECT_STREQ(seen_.operators_[0].custom_name, "mine");
  EXPECT_FALSE(seen_.operators_[0].supported);
  EXPECT_TRUE(seen_.tensors_.empty());
}

TEST_F(Inspect, ShowsNothingOfADamagedFile) {
  file_ = AlignedBytes(64, 0x5A);
  GateInput input;
  input.kernels = fake_kernels();
  const Inspection inspection = inspect(Bytes(file_.data(), file_.size()), input, scratch_, seen_);
  EXPECT_EQ(inspection.report.error, Error::kNotAModel);
  EXPECT_TRUE(seen_.operators_.empty());
}

}  // namespace
}  // namespace roost::runtime::testing
