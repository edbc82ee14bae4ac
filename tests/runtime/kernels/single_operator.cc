#include "tests/runtime/kernels/single_operator.h"

#include <math.h>

#include <algorithm>

namespace roost::runtime::testing {
namespace {

TensorSpecification typed(TensorType type, std::vector<int32_t> shape) {
  TensorSpecification tensor;
  tensor.type = type;
  tensor.shape = std::move(shape);
  return tensor;
}

TensorSpecification quantised(TensorType type, std::vector<int32_t> shape, float scale, int32_t zero_point) {
  TensorSpecification tensor = typed(type, std::move(shape));
  tensor.scale = {scale};
  tensor.zero_point = {zero_point};
  return tensor;
}

TensorSpecification plain(TensorType type, std::vector<int32_t> shape) {
  TensorSpecification tensor = typed(type, std::move(shape));
  tensor.scale.clear();
  tensor.zero_point.clear();
  return tensor;
}

GateInput with_all_kernels() {
  GateInput input;
  input.kernels = all_kernels();
  return input;
}

constexpr size_t kScratchBytes = 4096;

}  // namespace

TensorSpecification int8(std::vector<int32_t> shape, float scale, int32_t zero_point) {
  return quantised(TensorType::INT8, std::move(shape), scale, zero_point);
}
TensorSpecification int16(std::vector<int32_t> shape, float scale, int32_t zero_point) {
  return quantised(TensorType::INT16, std::move(shape), scale, zero_point);
}
TensorSpecification int32(std::vector<int32_t> shape) {
  return plain(TensorType::INT32, std::move(shape));
}
TensorSpecification float32(std::vector<int32_t> shape) {
  return plain(TensorType::FLOAT32, std::move(shape));
}

SingleOperator::SingleOperator(BuiltinOperator op, int32_t version) {
  model_.codes[0].op = op;
  model_.codes[0].version = version;
  model_.graphs.emplace_back();
  graph().operators.emplace_back();
}

int32_t SingleOperator::add_tensor(const TensorSpecification& tensor) {
  graph().tensors.push_back(tensor);
  return static_cast<int32_t>(graph().tensors.size() - 1);
}

SingleOperator& SingleOperator::input(const TensorSpecification& tensor) {
  const int32_t index = add_tensor(tensor);
  graph().inputs.push_back(index);
  op().inputs.push_back(index);
  return *this;
}

SingleOperator& SingleOperator::variable(TensorSpecification tensor) {
  tensor.is_variable = true;
  op().inputs.push_back(add_tensor(tensor));
  return *this;
}

SingleOperator& SingleOperator::absent() {
  op().inputs.push_back(-1);
  return *this;
}

SingleOperator& SingleOperator::constant_bytes(TensorSpecification tensor, std::vector<uint8_t> bytes) {
  tensor.buffer = static_cast<uint32_t>(model_.buffers.size());
  model_.buffers.emplace_back();
  model_.buffers.back().data = std::move(bytes);
  op().inputs.push_back(add_tensor(tensor));
  return *this;
}

SingleOperator& SingleOperator::output(const TensorSpecification& tensor) {
  const int32_t index = add_tensor(tensor);
  graph().outputs.push_back(index);
  op().outputs.push_back(index);
  return *this;
}

void SingleOperator::make_variable_input(size_t index) {
  tensor(index).buffer = 0;
  graph().inputs.push_back(static_cast<int32_t>(index));
}

Error SingleOperator::judge() const {
  const AlignedBytes file = build(model_);
  std::vector<uint8_t> scratch(kScratchBytes);
  Judgement judgement;
  Report report;
  ModelGate(with_all_kernels()).judge(file, scratch, &judgement, &report);
  return report.error;
}

std::vector<uint8_t> SingleOperator::run_bytes(const std::vector<std::vector<uint8_t>>& inputs, int times) const {
  const AlignedBytes file = build(model_);
  std::vector<uint8_t> scratch(kScratchBytes);
  Interpreter engine(with_all_kernels());
  const Result<Judgement> need = engine.measure(file, scratch);
  EXPECT_EQ(need.error(), Error::kNone);
  if (!need.ok()) return {};
  AlignedBytes arena(need.value().arena_bytes, 0xA5);
  EXPECT_TRUE(engine.prepare(file, arena, scratch).ok());
  std::vector<uint8_t> outputs;
  for (int i = 0; i < times; ++i) {
    for (uint32_t k = 0; k < engine.input_count(); ++k) {
      const MutableBytes bytes = engine.input(k).bytes;
      EXPECT_EQ(bytes.size(), inputs.at(k).size());
      std::copy_n(inputs[k].begin(), std::min(bytes.size(), inputs[k].size()), bytes.begin());
    }
    EXPECT_TRUE(engine.invoke().ok());
    const MutableBytes bytes = engine.output(0).bytes;
    outputs.insert(outputs.end(), bytes.begin(), bytes.end());
  }
  return outputs;
}

void expect_refusals(const SingleOperator& good, const std::vector<Refusal>& refusals) {
  ASSERT_EQ(good.judge(), Error::kNone);
  for (const Refusal& refusal : refusals) {
    SingleOperator spoiled = good;
    refusal.spoil(spoiled);
    EXPECT_EQ(static_cast<int>(spoiled.judge()), static_cast<int>(refusal.error)) << refusal.what;
  }
}

std::vector<float> random_floats(std::mt19937& random, size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = std::uniform_real_distribution<float>(-4, 4)(random);
  return values;
}

float random_scale(std::mt19937& random) {
  return std::exp2(std::uniform_real_distribution<float>(-9, 1)(random));
}

int64_t rescaled(int64_t value, double factor) {
  int shift = 0;
  int64_t multiplier = llround(frexp(factor, &shift) * 2147483648.0);
  if (multiplier == int64_t{1} << 31) {
    multiplier /= 2;
    ++shift;
  }
  const __int128 product = static_cast<__int128>(value << std::max(shift, 0)) * multiplier;
  const int64_t high = static_cast<int64_t>((product + (int64_t{1} << 30)) >> 31);
  return llround(ldexp(static_cast<double>(high), std::min(shift, 0)));
}

int64_t requantised(int64_t value, double factor, int64_t zero_point, int64_t low, int64_t high) {
  return std::clamp(rescaled(value, factor) + zero_point, low, high);
}

}  // namespace roost::runtime::testing
