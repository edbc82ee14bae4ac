// Proves that the gate refuses, each for its own reason, every kind of unsound model we know, and accepts sound
// ones. Each test takes a small sound model, spoils one thing, and expects one error at one place.
#include "runtime/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/bytes.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/runtime/model_builder.h"

namespace roost::runtime::testing {
namespace {

class Gate : public ::testing::Test {
 protected:
  Gate() { input_.kernels = fake_kernels(); }

  Error judge(const AlignedBytes& file) {
    ModelGate(input_).judge(Bytes(file.data(), file.size()), MutableBytes(scratch_.data(), scratch_.size()),
                            &judgement_, &report_);
    return report_.error;
  }
  Error judge() { return judge(build(model_)); }

  GraphSpecification& graph() { return model_.graphs[0]; }
  TensorSpecification& tensor(size_t index) { return graph().tensors[index]; }
  OperatorSpecification& op(size_t index) { return graph().operators[index]; }

  // Turns tensor 0 of the chain into a constant that operator 0 reads, and the model's input into nothing.
  void make_input_constant(size_t bytes) {
    graph().inputs = {};
    model_.buffers.push_back(BufferSpecification{std::vector<uint8_t>(bytes, 1)});
    tensor(0).buffer = 1;
  }

  // Copies the vector of a table's field (its length and `bytes` of data) behind the file, its data at an odd
  // multiple of 4, and lets the field follow.
  static AlignedBytes move_to_odd_word(const AlignedBytes& file, const void* table, uint16_t field, size_t bytes) {
    const auto* address = static_cast<const flatbuffers::Table*>(table)->GetAddressOf(field);
    const size_t field_at = static_cast<size_t>(address - file.data());
    const size_t vector_at = field_at + load_le32(address);
    const size_t new_at = (file.size() + 15) / 16 * 16;
    AlignedBytes moved(new_at + 4 + bytes + 4);
    std::memcpy(moved.data(), file.data(), file.size());
    std::memcpy(moved.data() + new_at, file.data() + vector_at, 4 + bytes);
    store_le32(moved.data() + field_at, static_cast<uint32_t>(new_at - field_at));
    return moved;
  }

  ModelSpec model_ = chain_model({2, 3}, 3);
  GateInput input_;
  std::vector<uint8_t> scratch_ = std::vector<uint8_t>(4096);
  Judgement judgement_;
  Report report_;
};

TEST_F(Gate, AcceptsTheSoundModelThatAllOthersAreMadeFrom) {
  EXPECT_EQ(judge(), Error::kNone);
  EXPECT_EQ(judgement_.operators, 3u);
  EXPECT_EQ(judgement_.tensors, 4u);
  EXPECT_EQ(judgement_.work, 18u);
  EXPECT_EQ(judgement_.longest_work, 6u);
  // Tables 4 x 4 + 3 x 12, data 3 x 4, rounded up to 64; two tensors live at a time, 16 bytes each.
  EXPECT_EQ(judgement_.persistent_bytes, 64u);
  EXPECT_EQ(judgement_.arena_bytes, 96u);
}

TEST_F(Gate, AcceptsAModelWithNoOperators) {
  graph().operators.clear();
  graph().outputs = {0};
  EXPECT_EQ(judge(), Error::kNone);
}

TEST_F(Gate, AcceptsAConstantAsTheModelsOutput) {
  make_input_constant(6);
  graph().outputs = {0, 3};
  EXPECT_EQ(judge(), Error::kNone);
}

// --- The file ---

TEST_F(Gate, RefusesAMisalignedFile) {
  const AlignedBytes file = build(model_);
  AlignedBytes shifted(file.size() + 8);
  std::memcpy(shifted.data() + 8, file.data(), file.size());
  ModelGate(input_).judge(Bytes(shifted.data() + 8, file.size()), scratch_, &judgement_, &report_);
  EXPECT_EQ(report_.error, Error::kMisalignedModel);
}

TEST_F(Gate, RefusesAnythingShorterThanAHeader) {
  const AlignedBytes file = build(model_);
  for (size_t size = 0; size < 8; ++size) {
    EXPECT_EQ(judge(AlignedBytes(Bytes(file.data(), size))), Error::kNotAModel) << size;
  }
}

TEST_F(Gate, RefusesAnotherFileIdentifier) {
  AlignedBytes file = build(model_);
  file.data()[4] = 'X';
  EXPECT_EQ(judge(file), Error::kNotAModel);
}

TEST_F(Gate, RefusesARootThatLeadsOutside) {
  AlignedBytes file = build(model_);
  file.data()[3] = 0x40;
  EXPECT_EQ(judge(file), Error::kMalformed);
}

TEST_F(Gate, RefusesATruncatedFile) {
  const AlignedBytes file = build(model_);
  EXPECT_EQ(judge(AlignedBytes(Bytes(file.data(), file.size() / 2))), Error::kMalformed);
}

TEST_F(Gate, RefusesAnotherSchemaVersion) {
  model_.version = 2;
  EXPECT_EQ(judge(), Error::kSchemaVersion);
}

TEST_F(Gate, RefusesAModelWithoutSubgraphs) {
  model_.graphs.clear();
  EXPECT_EQ(judge(), Error::kNoSubgraph);
}

TEST_F(Gate, RefusesMoreThanTheLimitsAllow) {
  const GateLimits generous = input_.limits;
  input_.limits.tensors = 3;
  EXPECT_EQ(judge(), Error::kTooComplex);
  input_.limits = generous;
  input_.limits.operators = 2;
  EXPECT_EQ(judge(), Error::kTooComplex);
  input_.limits = generous;
  input_.limits.subgraphs = 0;
  EXPECT_EQ(judge(), Error::kTooComplex);
  input_.limits = generous;
  input_.limits.buffers = 0;
  EXPECT_EQ(judge(), Error::kTooComplex);
}

TEST_F(Gate, RefusesAModelTooLargeForItsScratch) {
  // 4 lives of 4 bytes, 4 entries of 16.
  scratch_.resize(4 * 4 + 4 * 16 + 3);
  EXPECT_EQ(judge(), Error::kNone);
  scratch_.resize(4 * 4 + 4 * 16 - 1);
  EXPECT_EQ(judge(), Error::kTooComplex);
  scratch_.resize(15);
  EXPECT_EQ(judge(), Error::kTooComplex);
  scratch_.clear();
  EXPECT_EQ(judge(), Error::kTooComplex);
}

TEST_F(Gate, FitsTwoHundredTensorsInFourKibibytes) {
  model_ = chain_model({4}, 199);
  EXPECT_EQ(judge(), Error::kNone);
}

// --- Tensors ---

TEST_F(Gate, RefusesIndicesThatNoTensorHas) {
  for (const int32_t index : {4, 1000, INT32_MAX, -2, INT32_MIN}) {
    ModelSpec spoiled = model_;
    spoiled.graphs[0].operators[1].inputs = {index};
    EXPECT_EQ(judge(build(spoiled)), Error::kTensorIndex);
    EXPECT_EQ(report_.op_index, 1);
    EXPECT_EQ(report_.tensor, index);
    spoiled = model_;
    spoiled.graphs[0].operators[1].outputs = {index};
    EXPECT_EQ(judge(build(spoiled)), Error::kTensorIndex);
    spoiled = model_;
    spoiled.graphs[0].inputs = {index};
    EXPECT_EQ(judge(build(spoiled)), Error::kTensorIndex);
    spoiled = model_;
    spoiled.graphs[0].outputs = {index};
    EXPECT_EQ(judge(build(spoiled)), Error::kTensorIndex);
  }
}

TEST_F(Gate, RefusesAnAbsentOutput) {
  op(1).outputs = {-1};
  EXPECT_EQ(judge(), Error::kTensorIndex);
}

TEST_F(Gate, RefusesElementTypesWithoutASizeInBytes) {
  for (const TensorType type : {TensorType::STRING, TensorType::INT4, TensorType::RESOURCE, TensorType::VARIANT,
                                static_cast<TensorType>(-1), static_cast<TensorType>(99)}) {
    tensor(0).type = type;
    EXPECT_EQ(judge(), Error::kTensorType);
    EXPECT_EQ(report_.tensor, 0);
  }
}

TEST_F(Gate, RefusesImpossibleShapes) {
  tensor(2).shape = {2, -1};
  EXPECT_EQ(judge(), Error::kDynamicShape);
  EXPECT_EQ(report_.tensor, 2);
  tensor(2).shape = {0, 3};
  EXPECT_EQ(judge(), Error::kTensorShape);
  tensor(2).shape = {1, 1, 1, 1, 1, 2, 3};
  EXPECT_EQ(judge(), Error::kTensorShape);
}

TEST_F(Gate, RefusesTensorsBeyondTheSizeLimitHoweverTheyGetThere) {
  tensor(2).shape = {INT32_MAX};
  EXPECT_EQ(judge(), Error::kTensorTooLarge);
  tensor(2).shape = {65536, 65536, 65536};  // 2^48, which is 0 in 32 bits
  EXPECT_EQ(judge(), Error::kTensorTooLarge);
  tensor(2).shape = {1 << 28, 2};
  EXPECT_EQ(judge(), Error::kTensorTooLarge);
  tensor(2).shape = {1 << 27};
  tensor(2).type = TensorType::FLOAT32;
  EXPECT_EQ(judge(), Error::kTensorTooLarge);
}

TEST_F(Gate, RefusesSparseTensors) {
  tensor(1).sparse = true;
  EXPECT_EQ(judge(), Error::kSparseTensor);
}

TEST_F(Gate, RefusesABufferThatDoesNotExist) {
  tensor(1).buffer = 1;
  EXPECT_EQ(judge(), Error::kBufferIndex);
  model_.buffers.clear();
  tensor(1).buffer = 0;
  EXPECT_EQ(judge(), Error::kBufferIndex);
}

TEST_F(Gate, RefusesDataOutsideTheFile) {
  tensor(1).external_buffer = 1;
  EXPECT_EQ(judge(), Error::kBufferExternal);
  tensor(1).external_buffer = 0;
  model_.buffers[0].offset = 4096;
  EXPECT_EQ(judge(), Error::kBufferExternal);
  model_.buffers[0].offset = 0;
  model_.buffers[0].size = 6;
  EXPECT_EQ(judge(), Error::kBufferExternal);
}

TEST_F(Gate, RefusesAConstantThatIsShorterOrLongerThanItsShape) {
  make_input_constant(6);
  EXPECT_EQ(judge(), Error::kNone);
  for (const size_t size : {1u, 5u, 7u, 100u}) {
    model_.buffers[1].data.resize(size);
    EXPECT_EQ(judge(), Error::kBufferSize) << size;
  }
}

TEST_F(Gate, RefusesAConstantThatIsNotAlignedToItsElements) {
  make_input_constant(24);
  tensor(0).type = TensorType::INT32;
  graph().operators.clear();
  graph().outputs = {0};
  EXPECT_EQ(judge(), Error::kNone);
  // The vector's length can only sit at a multiple of 4, so the data too: int64 is the type that shows it.
  model_.buffers[1].data.resize(48);
  tensor(0).type = TensorType::INT64;
  tensor(0).scale = {};
  tensor(0).zero_point = {};
  const AlignedBytes wide = build(model_);
  EXPECT_EQ(judge(wide), Error::kNone);
  const tflite::Buffer* buffer = tflite::GetModel(wide.data())->buffers()->Get(1);
  const AlignedBytes moved = move_to_odd_word(wide, buffer, tflite::Buffer::VT_DATA, 48);
  EXPECT_EQ(judge(moved), Error::kBufferAlignment);
}

TEST_F(Gate, RefusesScalesThatAreNotFiniteAndPositive) {
  for (const float scale : {0.0f, -0.5f, std::numeric_limits<float>::infinity(), std::nanf(""), 1e-40f}) {
    tensor(1).scale = {scale};
    EXPECT_EQ(judge(), Error::kQuantisation) << scale;
    EXPECT_EQ(report_.tensor, 1);
  }
}

TEST_F(Gate, IgnoresTheQuantisationOfFloats) {
  graph().operators.clear();
  graph().outputs = {0};
  tensor(0).type = TensorType::FLOAT32;
  tensor(0).scale = {0.0f};
  EXPECT_EQ(judge(), Error::kNone);
}

TEST_F(Gate, IgnoresTheQuantisationOfBiases) {
  make_input_constant(24);
  graph().operators.clear();
  graph().outputs = {0};
  tensor(0).type = TensorType::INT32;
  tensor(0).scale = {0.0f, 0.0f};
  tensor(0).quantized_dimension = 3;
  EXPECT_EQ(judge(), Error::kNone);
}

TEST_F(Gate, RefusesZeroPointsOutsideTheType) {
  for (const int64_t zero_point : {-129, 128, 1 << 20}) {
    tensor(1).zero_point = {zero_point};
    EXPECT_EQ(judge(), Error::kQuantisation) << zero_point;
  }
  tensor(1).zero_point = {int64_t{1} << 32};  // 0 in 32 bits
  EXPECT_EQ(judge(), Error::kQuantisation);
}

// FlatBuffers verification does not vouch for the alignment of 64-bit elements; the sanitizers see who relies on
// it.
TEST_F(Gate, ReadsZeroPointsAtAnyAlignment) {
  tensor(0).zero_point = {-7};
  const AlignedBytes file = build(model_);
  const tflite::Tensor* table = tflite::GetModel(file.data())->subgraphs()->Get(0)->tensors()->Get(0);
  AlignedBytes moved =
      move_to_odd_word(file, table->quantization(), tflite::QuantizationParameters::VT_ZERO_POINT, 8);
  EXPECT_EQ(judge(moved), Error::kNone);
  moved.data()[moved.size() - 8] = 1;  // bits 32 and up: no longer within int8
  EXPECT_EQ(judge(moved), Error::kQuantisation);
}

TEST_F(Gate, RefusesScalesThatDoNotMatchTheirDimension) {
  tensor(1).scale = {0.5f, 0.5f, 0.5f};
  tensor(1).zero_point = {0, 0, 0};
  tensor(1).quantized_dimension = 1;
  EXPECT_EQ(judge(), Error::kNone);
  for (const int32_t dimension : {0, 2, -1, INT32_MAX}) {
    tensor(1).quantized_dimension = dimension;
    EXPECT_EQ(judge(), Error::kQuantisation) << dimension;
  }
  tensor(1).quantized_dimension = 1;
  tensor(1).zero_point = {0, 0};
  EXPECT_EQ(judge(), Error::kQuantisation);
}

TEST_F(Gate, RefusesQuantisationSchemesItDoesNotKnow) {
  tensor(1).details_type = 2;
  EXPECT_EQ(judge(), Error::kQuantisation);
}

TEST_F(Gate, DoesNotMindUnsoundTensorsThatNothingUses) {
  TensorSpecification unused;
  unused.shape = {-1};
  unused.type = TensorType::STRING;
  unused.buffer = 77;
  graph().tensors.push_back(unused);
  EXPECT_EQ(judge(), Error::kNone);
}

// --- Order ---

TEST_F(Gate, RefusesAnOperatorBeforeTheOneItReadsFrom) {
  std::swap(op(1), op(2));
  EXPECT_EQ(judge(), Error::kReadBeforeWritten);
  EXPECT_EQ(report_.op_index, 1);
  EXPECT_EQ(report_.tensor, 2);
}

TEST_F(Gate, RefusesAnOperatorThatReadsItsOwnOutput) {
  op(1).inputs = {2};
  EXPECT_EQ(judge(), Error::kReadBeforeWritten);
  model_ = chain_model({2, 3}, 3);
  op(1).outputs = {1};
  EXPECT_EQ(judge(), Error::kWrittenTwice);
}

TEST_F(Gate, RefusesTwoWritersOfOneTensor) {
  op(2).outputs = {2};
  EXPECT_EQ(judge(), Error::kWrittenTwice);
  EXPECT_EQ(report_.op_index, 2);
}

TEST_F(Gate, RefusesTheSameInputTwice) {
  graph().inputs = {0, 0};
  EXPECT_EQ(judge(), Error::kWrittenTwice);
}

TEST_F(Gate, RefusesWritingToAnInput) {
  op(2).outputs = {0};
  EXPECT_EQ(judge(), Error::kInputWritten);
}

TEST_F(Gate, RefusesWritingToAConstant) {
  model_.buffers.push_back(BufferSpecification{std::vector<uint8_t>(6, 1)});
  tensor(3).buffer = 1;
  EXPECT_EQ(judge(), Error::kConstantWritten);
  EXPECT_EQ(report_.tensor, 3);
}

TEST_F(Gate, RefusesAConstantAsInput) {
  model_.buffers.push_back(BufferSpecification{std::vector<uint8_t>(6, 1)});
  tensor(0).buffer = 1;
  EXPECT_EQ(judge(), Error::kConstantWritten);
}

TEST_F(Gate, RefusesAnOutputThatNobodyWrites) {
  graph().tensors.push_back(tensor(0));
  graph().outputs = {4};
  EXPECT_EQ(judge(), Error::kOutputNotWritten);
  EXPECT_EQ(report_.tensor, 4);
}

class GateVariables : public Gate {
 protected:
  GateVariables() {
    model_ = chain_model({4}, 2);
    model_.codes.push_back(CodeSpecification{BuiltinOperator::CUMSUM, 1, ""});
    TensorSpecification variable = tensor(0);
    variable.is_variable = true;
    graph().tensors.push_back(variable);
    op(0).code = 1;
    op(0).inputs = {0, 3};
  }
};

TEST_F(GateVariables, AcceptsAVariableWithOneUser) {
  EXPECT_EQ(judge(), Error::kNone);
  EXPECT_EQ(judgement_.variable_bytes, 16u);
}

TEST_F(GateVariables, RefusesASecondUser) {
  op(1).code = 1;
  op(1).inputs = {1, 3};
  EXPECT_EQ(judge(), Error::kVariableTensor);
}

TEST_F(GateVariables, RefusesAVariableAsInputOrOutput) {
  graph().outputs = {3};
  EXPECT_EQ(judge(), Error::kVariableTensor);
  graph().outputs = {2};
  graph().inputs = {0, 3};
  EXPECT_EQ(judge(), Error::kVariableTensor);
  graph().inputs = {0};
  op(1).outputs = {3};
  EXPECT_EQ(judge(), Error::kVariableTensor);
}

TEST_F(GateVariables, RefusesAVariableWithData) {
  model_.buffers.push_back(BufferSpecification{std::vector<uint8_t>(4, 1)});
  tensor(3).buffer = 1;
  EXPECT_EQ(judge(), Error::kVariableTensor);
}

// --- Operators ---

TEST_F(Gate, RefusesAnOperatorCodeThatDoesNotExist) {
  op(1).code = 1;
  EXPECT_EQ(judge(), Error::kOperatorCode);
  EXPECT_EQ(report_.op_index, 1);
}

TEST_F(Gate, RefusesCustomOperatorsWithTheirName) {
  model_.codes.push_back(CodeSpecification{BuiltinOperator::CUSTOM, 1, "the_name_of_a_custom_operator"});
  op(2).code = 1;
  EXPECT_EQ(judge(), Error::kOperatorCustom);
  EXPECT_STREQ(report_.custom_name, "the_name_of_a_custom_op");
  model_.codes[1].custom = "";
  EXPECT_EQ(judge(), Error::kOperatorCustom);
}

TEST_F(Gate, RefusesOperatorsWithoutAKernelEvenBeforeLookingAtTensors) {
  tensor(0).type = TensorType::STRING;
  for (const int32_t number : {34, 126, 127, 128, 209, 210, 100000, -1, INT32_MIN}) {
    model_.codes[0].op = static_cast<BuiltinOperator>(number);
    const Error error = judge();
    EXPECT_EQ(error, number == 128 ? Error::kTensorType : Error::kOperatorMissing) << number;
  }
}

TEST_F(Gate, RefusesATypeWithoutAKernel) {
  for (auto& t : graph().tensors) t.type = TensorType::INT16;
  EXPECT_EQ(judge(), Error::kOperatorType);
  EXPECT_EQ(report_.op, BuiltinOperator::NEG);
}

TEST_F(Gate, RefusesVersionsOutsideTheKernels) {
  for (const int32_t version : {0, -1, 3, INT32_MAX}) {
    model_.codes[0].version = version;
    EXPECT_EQ(judge(), Error::kOperatorVersion) << version;
    EXPECT_EQ(report_.op_version, version);
  }
  model_.codes[0].version = 2;
  EXPECT_EQ(judge(), Error::kNone);
}

TEST_F(Gate, RefusesOperatorsWithoutOperands) {
  op(0).inputs = {};
  op(0).outputs = {};
  EXPECT_EQ(judge(), Error::kOperatorOperands);
}

TEST_F(Gate, PassesOnWhatAKernelRefuses) {
  op(1).inputs = {1, 0};
  EXPECT_EQ(judge(), Error::kOperatorOperands);
  EXPECT_EQ(report_.op_index, 1);
  EXPECT_EQ(report_.tensor, -1);
  op(1).inputs = {-1};
  EXPECT_EQ(judge(), Error::kOperatorOperands);
  op(1).inputs = {1};
  tensor(2).shape = {3, 2};
  EXPECT_EQ(judge(), Error::kOperandShape);
}

// --- Fit ---

TEST_F(Gate, RefusesMoreArenaOrWorkThanAllowed) {
  input_.limits.arena_bytes = 96;
  input_.limits.work = 18;
  EXPECT_EQ(judge(), Error::kNone);
  input_.limits.arena_bytes = 95;
  EXPECT_EQ(judge(), Error::kArenaTooSmall);
  input_.limits.arena_bytes = 96;
  input_.limits.work = 17;
  EXPECT_EQ(judge(), Error::kTooMuchWork);
}

TEST_F(Gate, RefusesTensorsThatTogetherExceed31Bits) {
  model_ = chain_model({1 << 28}, 12);
  // All but the first are read once more at the end, so that all live together.
  graph().outputs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  EXPECT_EQ(judge(), Error::kTensorTooLarge);
}

TEST_F(Gate, JudgesTheOtherSubgraphsToo) {
  model_.graphs.push_back(chain_model({5}, 1).graphs[0]);
  EXPECT_EQ(judge(), Error::kNone);
  model_.graphs[1].operators[0].inputs = {1};
  EXPECT_EQ(judge(), Error::kReadBeforeWritten);
  EXPECT_EQ(report_.subgraph, 1);
}

class GateContract : public Gate {
 protected:
  GateContract() {
    input_.io.declared = true;
    input_.io.inputs = Span<const TensorSpec>(&in_, 1);
    input_.io.outputs = Span<const TensorSpec>(&out_, 1);
    in_.type = out_.type = TensorType::INT8;
    in_.shape = out_.shape = shape_;
  }

  int32_t shape_[2] = {2, 3};
  TensorSpec in_{};
  TensorSpec out_{};
};

TEST_F(GateContract, AcceptsWhatWasDeclared) {
  EXPECT_EQ(judge(), Error::kNone);
  shape_[1] = kAnyDimension;
  EXPECT_EQ(judge(), Error::kNone);
}

TEST_F(GateContract, RefusesAnotherTypeShapeRankOrCount) {
  in_.type = TensorType::FLOAT32;
  EXPECT_EQ(judge(), Error::kInputMismatch);
  EXPECT_EQ(report_.tensor, 0);
  in_.type = TensorType::INT8;
  out_.shape = Span<const int32_t>(shape_, 1);
  EXPECT_EQ(judge(), Error::kOutputMismatch);
  out_.shape = shape_;
  shape_[1] = 4;
  EXPECT_EQ(judge(), Error::kInputMismatch);
  shape_[1] = 3;
  input_.io.outputs = Span<const TensorSpec>();
  EXPECT_EQ(judge(), Error::kOutputMismatch);
}

TEST_F(GateContract, RefusesAnotherQuantisationIfTheApplicationCares) {
  in_.any_quantisation = false;
  in_.scale = 0.5f;
  in_.zero_point = 0;
  EXPECT_EQ(judge(), Error::kNone);
  in_.scale = 0.25f;
  EXPECT_EQ(judge(), Error::kInputMismatch);
  in_.scale = 0.5f;
  in_.zero_point = 1;
  EXPECT_EQ(judge(), Error::kInputMismatch);
  tensor(0).scale = {};
  tensor(0).zero_point = {};
  EXPECT_EQ(judge(), Error::kInputMismatch);
}

}  // namespace
}  // namespace roost::runtime::testing
