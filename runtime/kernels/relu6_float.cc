// RELU6 on float32. A NaN stays one.
#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(Preparation& op) {
  op.needs.steps = op.in.count();
  return Error::kNone;
}

float relu6(float x) {
  return x > 6.0f ? 6.0f : (x < 0.0f ? 0.0f : x);
}

Error invoke(const OperatorView& op, const void*) {
  const Tensor input = op.input(0);
  const float* in = input.data<float>();
  float* out = op.output_data<float>(0);
  for (uint32_t i = 0; i < input.count(); ++i) out[i] = relu6(in[i]);
  return Error::kNone;
}

}  // namespace

const Kernel kRelu6Float = {
    BuiltinOperator::RELU6, type_bit(TensorType::FLOAT32), 3, 1, 1, kUnary, nullptr, prepare, invoke};

}  // namespace runtime
}  // namespace roost
