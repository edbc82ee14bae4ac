#include "tests/runtime/fake_kernels.h"

#include <cstdlib>

namespace roost::runtime::testing {
namespace {

struct Data {
  uint32_t count;
};

Error prepare_unary(const OperatorView& op, Needs& needs, void* memory) {
  const Error error = op.expect_operands(1, 1, 1);
  if (error != Error::kNone) return error;
  if (op.output(0).type() != op.input(0).type()) return Error::kOperandType;
  if (!same_shape(op.input(0), op.output(0))) return Error::kOperandShape;
  const Data data = {op.input(0).count()};
  needs.data_bytes = sizeof(Data);
  needs.steps = data.count;
  if (memory) *static_cast<Data*>(memory) = data;
  return Error::kNone;
}

Error prepare_with_scratch(const OperatorView& op, Needs& needs, void* memory) {
  const Error error = prepare_unary(op, needs, memory);
  if (error == Error::kNone) needs.scratch_bytes = op.input(0).bytes();
  return error;
}

Error negate(const OperatorView& op, const void* memory) {
  const int8_t* in = op.input(0).data<int8_t>();
  int8_t* out = op.output(0).mutable_data<int8_t>();
  for (uint32_t i = 0; i < static_cast<const Data*>(memory)->count; ++i) out[i] = static_cast<int8_t>(-in[i]);
  return Error::kNone;
}

Error absolute(const OperatorView& op, const void* memory) {
  const uint32_t count = static_cast<const Data*>(memory)->count;
  const int8_t* in = op.input(0).data<int8_t>();
  int8_t* scratch = op.scratch<int8_t>();
  int8_t* out = op.output(0).mutable_data<int8_t>();
  for (uint32_t i = 0; i < count; ++i) scratch[i] = static_cast<int8_t>(std::abs(in[i]));
  for (uint32_t i = 0; i < count; ++i) out[i] = scratch[i];
  return Error::kNone;
}

Error fail_on_negative(const OperatorView& op, const void* memory) {
  if (op.input(0).data<int8_t>()[0] < 0) return Error::kInvokeFailed;
  return negate(op, memory);
}

Error prepare_accumulate(const OperatorView& op, Needs& needs, void*) {
  const Error error = op.expect_operands(2, 2, 1);
  if (error != Error::kNone) return error;
  if (!op.input(1).variable()) return Error::kVariableTensor;
  if (!same_shape(op.input(0), op.input(1)) || !same_shape(op.input(0), op.output(0))) return Error::kOperandShape;
  needs.steps = op.input(0).count();
  return Error::kNone;
}

Error accumulate(const OperatorView& op, const void*) {
  const int8_t* in = op.input(0).data<int8_t>();
  int8_t* sum = op.input(1).mutable_data<int8_t>();
  int8_t* out = op.output(0).mutable_data<int8_t>();
  for (uint32_t i = 0; i < op.input(0).count(); ++i) {
    sum[i] = static_cast<int8_t>(sum[i] + in[i]);
    out[i] = sum[i];
  }
  return Error::kNone;
}

constexpr uint32_t kInt8 = type_bit(TensorType::INT8);

}  // namespace

const Kernel kNegate = {BuiltinOperator::NEG, kInt8, 1, 2, prepare_unary, negate};
const Kernel kAccumulate = {BuiltinOperator::CUMSUM, kInt8, 1, 1, prepare_accumulate, accumulate};
const Kernel kAbsolute = {BuiltinOperator::ABS, kInt8, 1, 1, prepare_with_scratch, absolute};
const Kernel kFailing = {BuiltinOperator::SQRT, kInt8, 1, 1, prepare_unary, fail_on_negative};

KernelList fake_kernels() {
  static const Kernel* const kernels[] = {&kNegate, &kAccumulate, &kAbsolute, &kFailing};
  return kernels;
}

}  // namespace roost::runtime::testing
