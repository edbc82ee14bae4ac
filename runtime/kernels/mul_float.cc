// MUL on float32.
#include "runtime/kernels/all.h"
#include "runtime/kernels/elementwise.h"
#include "runtime/kernels/float_common.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(Preparation& op) {
  ROOST_RETURN_IF_ERROR(expect_broadcast(op));
  const auto* const options = op.options<tflite::MulOptions>();
  FloatRange range;
  ROOST_RETURN_IF_ERROR(
      activation_range(options ? options->fused_activation_function() : ActivationFunctionType::NONE, &range));
  return op.keep(range);
}

Error invoke(const OperatorView& op, const void* memory) {
  const FloatRange& range = *static_cast<const FloatRange*>(memory);
  for_each_pair<float>(op, [&](float a, float b) { return clamp(a * b, range); });
  return Error::kNone;
}

}  // namespace

const Kernel kMulFloat = {BuiltinOperator::MUL,   type_bit(TensorType::FLOAT32),      7,       2,     2,
                          kOneOutput | kSameType, options_kind<tflite::MulOptions>(), prepare, invoke};

}  // namespace runtime
}  // namespace roost
