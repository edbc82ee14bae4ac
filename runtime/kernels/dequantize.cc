// DEQUANTIZE from int8 or int16 to float32.
#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(Preparation& op) {
  op.needs.steps = op.in.count();
  ROOST_RETURN_IF_ERROR(expect_per_tensor(op.in));
  return expect_type(op.out, TensorType::FLOAT32);
}

// The reference multiplies in double precision and rounds once. The product of a float and an integer of 17 bits is
// exact there, so one multiplication in single precision rounds to the same.
Error invoke(const OperatorView& op, const void*) {
  const Tensor input = op.input(0);
  const bool wide = input.type() == TensorType::INT16;
  const float scale = input.scale();
  const int32_t zero_point = input.zero_point();
  const int8_t* in8 = input.data<int8_t>();
  const int16_t* in16 = input.data<int16_t>();
  float* out = op.output_data<float>(0);
  const uint32_t count = input.count();
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t value = wide ? in16[i] : in8[i];
    out[i] = scale * static_cast<float>(value - zero_point);
  }
  return Error::kNone;
}

}  // namespace

const Kernel kDequantize = {BuiltinOperator::DEQUANTIZE,
                            type_bit(TensorType::INT8) | type_bit(TensorType::INT16),
                            6,
                            1,
                            1,
                            kOneOutput | kSameShape,
                            nullptr,
                            prepare,
                            invoke};

}  // namespace runtime
}  // namespace roost
