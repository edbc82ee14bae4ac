// LOGISTIC on float32.
#include <math.h>

#include "runtime/kernels/all.h"
#include "runtime/kernels/float_common.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(Preparation& op) {
  op.needs.steps = static_cast<uint64_t>(op.in.count()) * 16;  // an exponential each
  return Error::kNone;
}

// Beyond these the result is 1 or the exponential itself, as the reference has it.
float logistic(float x) {
  constexpr float kOneFrom = 16.619047164916992188f;
  constexpr float kExponentialBelow = -9.0f;
  if (x > kOneFrom) return 1.0f;
  if (x < kExponentialBelow) return expf(x);
  return 1.0f / (1.0f + expf(-x));
}

Error invoke(const OperatorView& op, const void*) {
  const Tensor input = op.input(0);
  const float* in = input.data<float>();
  float* out = op.output_data<float>(0);
  for (uint32_t i = 0; i < input.count(); ++i) out[i] = logistic(in[i]);
  return Error::kNone;
}

}  // namespace

const Kernel kLogisticFloat = {
    BuiltinOperator::LOGISTIC, type_bit(TensorType::FLOAT32), 3, 1, 1, kUnary, nullptr, prepare, invoke};

}  // namespace runtime
}  // namespace roost
