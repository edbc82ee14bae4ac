// A model of one operator: build it from its operands, judge it, run it, spoil it.
//
//   SingleOperator op(BuiltinOperator::RELU);
//   op.input(int8({1, 4}, 0.5f, 3)).output(int8({1, 4}, 0.5f, 3));
//   EXPECT_EQ(op.run<int8_t>({bytes_of<int8_t>({1, 2, 3, 4})}), std::vector<int8_t>({3, 3, 3, 4}));
#pragma once

#include <gtest/gtest.h>
#include <string.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#include "tests/runtime/model_builder.h"

namespace roost::runtime::testing {

TensorSpecification int8(std::vector<int32_t> shape, float scale = 0.5f, int32_t zero_point = 0);
TensorSpecification int16(std::vector<int32_t> shape, float scale = 0.5f, int32_t zero_point = 0);
TensorSpecification int32(std::vector<int32_t> shape);
TensorSpecification float32(std::vector<int32_t> shape);

template <typename T>
std::vector<uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  if (!values.empty()) memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <typename T>
std::vector<T> values_of(const std::vector<uint8_t>& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

class SingleOperator {
 public:
  explicit SingleOperator(BuiltinOperator op, int32_t version = 1);

  // The next operand of the operator.
  SingleOperator& input(const TensorSpecification& tensor);
  SingleOperator& variable(TensorSpecification tensor);
  SingleOperator& absent();
  template <typename T>
  SingleOperator& constant(const TensorSpecification& tensor, const std::vector<T>& values) {
    return constant_bytes(tensor, bytes_of(values));
  }
  SingleOperator& constant_bytes(TensorSpecification tensor, std::vector<uint8_t> bytes);
  SingleOperator& output(const TensorSpecification& tensor);

  template <typename Options, typename Create, typename... Arguments>
  SingleOperator& options(Create create, Arguments... arguments) {
    op().options_type = options_kind<Options>()->number;
    op().options = options_of(create, arguments...);
    return *this;
  }

  // For spoiling: tensors in the order in which they were added, the output last.
  TensorSpecification& tensor(size_t index) { return graph().tensors[index]; }
  TensorSpecification& last() { return graph().tensors.back(); }
  OperatorSpecification& op() { return graph().operators[0]; }
  GraphSpecification& graph() { return model_.graphs[0]; }
  CodeSpecification& code() { return model_.codes[0]; }
  std::vector<uint8_t>& constant_data(size_t index) { return model_.buffers[tensor(index).buffer].data; }
  // The operand becomes an input of the model with the same shape.
  void make_variable_input(size_t index);

  // What the gate and the kernel say.
  Error judge() const;

  // One inference after the other in one interpreter; the outputs of all of them, one after the other. The arena
  // is no larger than the gate says, and what it held before does not matter.
  template <typename T>
  std::vector<T> run(const std::vector<std::vector<uint8_t>>& inputs, int times = 1) const {
    return values_of<T>(run_bytes(inputs, times));
  }
  std::vector<uint8_t> run_bytes(const std::vector<std::vector<uint8_t>>& inputs, int times) const;

 private:
  int32_t add_tensor(const TensorSpecification& tensor);

  ModelSpec model_;
};

// Each change to a good operator, and what it must be refused with.
struct Refusal {
  const char* what;
  std::function<void(SingleOperator&)> spoil;
  Error error;
};
void expect_refusals(const SingleOperator& good, const std::vector<Refusal>& refusals);

// Random values over the whole range of T.
template <typename T>
std::vector<T> random_integers(std::mt19937& random, size_t count) {
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(random());
  return values;
}
std::vector<float> random_floats(std::mt19937& random, size_t count);
float random_scale(std::mt19937& random);

// The reference's two-step rescaling by a factor, in double and 128-bit arithmetic.
int64_t rescaled(int64_t value, double factor);
// The same, shifted to a zero point and limited.
int64_t requantised(int64_t value, double factor, int64_t zero_point, int64_t low, int64_t high);

}  // namespace roost::runtime::testing
