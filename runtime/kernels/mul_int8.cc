// MUL on int8.
#include "runtime/kernels/all.h"
#include "runtime/kernels/mul_integer.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(Preparation& op) {
  MulData data;
  ROOST_RETURN_IF_ERROR(prepare_mul(op, &data));
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const MulData& data = *static_cast<const MulData*>(memory);
  for_each_pair<int8_t>(op, [&](int32_t a, int32_t b) { return static_cast<int8_t>(multiply(a, b, data)); });
  return Error::kNone;
}

}  // namespace

const Kernel kMulInt8 = {BuiltinOperator::MUL,
                         type_bit(TensorType::INT8),
                         7,
                         2,
                         2,
                         kOneOutput | kSameType | kPerTensor,
                         options_kind<tflite::MulOptions>(),
                         prepare,
                         invoke};

}  // namespace runtime
}  // namespace roost
