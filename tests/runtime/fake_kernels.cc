#include "tests/runtime/fake_kernels.h"

#include <cstdlib>

namespace roost::runtime::testing {
namespace {

struct Data {
  uint32_t count;
};

Error prepare_unary(Preparation& op) {
  const Data data = {op.in.count()};
  op.needs.steps = data.count;
  return op.keep(data);
}

Error prepare_with_scratch(Preparation& op) {
  op.needs.scratch_bytes = op.in.bytes();
  return prepare_unary(op);
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

Error prepare_accumulate(Preparation& op) {
  if (!op.input(1).variable()) return Error::kVariableTensor;
  if (!same_shape(op.in, op.input(1))) return Error::kOperandShape;
  op.needs.steps = op.in.count();
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

const Kernel kNegate = {BuiltinOperator::NEG, kInt8, 2, 1, 1, kUnary, nullptr, prepare_unary, negate};
const Kernel kAccumulate = {BuiltinOperator::CUMSUM, kInt8,     1, 2, 2, kOneOutput | kSameShape, nullptr,
                            prepare_accumulate,      accumulate};
const Kernel kAbsolute = {BuiltinOperator::ABS, kInt8, 1, 1, 1, kUnary, nullptr, prepare_with_scratch, absolute};
const Kernel kFailing = {BuiltinOperator::SQRT, kInt8, 1, 1, 1, kUnary, nullptr, prepare_unary, fail_on_negative};

KernelList fake_kernels() {
  static const Kernel* const kernels[] = {&kNegate, &kAccumulate, &kAbsolute, &kFailing};
  return kernels;
}

}  // namespace roost::runtime::testing
