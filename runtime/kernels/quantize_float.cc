// QUANTIZE from float32 to int8 or int16.
#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(Preparation& op) {
  if (op.out.type() != TensorType::INT8 && op.out.type() != TensorType::INT16) return Error::kOperandType;
  op.needs.steps = op.in.count();
  return expect_per_tensor(op.out);
}

// Rounded to nearest, halves away from zero. Far beyond all results' range it saturates; a NaN counts as low.
int32_t round_to_int(float x) {
  constexpr float kFar = 1 << 20;
  if (!(x > -kFar)) return -(1 << 20);
  if (x > kFar) return 1 << 20;
  const int32_t whole = static_cast<int32_t>(x);
  const float rest = x - static_cast<float>(whole);
  return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

Error invoke(const OperatorView& op, const void*) {
  const Tensor input = op.input(0);
  const Tensor output = op.output(0);
  const bool wide = output.type() == TensorType::INT16;
  const Range range = wide ? Range{INT16_MIN, INT16_MAX} : Range{INT8_MIN, INT8_MAX};
  const float scale = output.scale();
  const int32_t zero_point = output.zero_point();
  const float* in = input.data<float>();
  int8_t* out8 = output.mutable_data<int8_t>();
  int16_t* out16 = output.mutable_data<int16_t>();
  const uint32_t count = input.count();
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t value = clamp(round_to_int(in[i] / scale) + zero_point, range.low, range.high);
    if (wide) {
      out16[i] = static_cast<int16_t>(value);
    } else {
      out8[i] = static_cast<int8_t>(value);
    }
  }
  return Error::kNone;
}

}  // namespace

const Kernel kQuantizeFloat = {BuiltinOperator::QUANTIZE,
                               type_bit(TensorType::FLOAT32),
                               4,
                               1,
                               1,
                               kOneOutput | kSameShape,
                               nullptr,
                               prepare,
                               invoke};

}  // namespace runtime
}  // namespace roost
