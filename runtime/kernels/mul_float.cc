// MUL on float32.
#include "runtime/kernels/all.h"
#include "runtime/kernels/elementwise.h"
#include "runtime/kernels/float_common.h"

namespace roost {
namespace runtime {
namespace {

Error prepare(const OperatorView& op, Needs& needs, void* memory) {
  ROOST_RETURN_IF_ERROR(expect_broadcast(op, &needs));
  const tflite::MulOptions* options;
  ROOST_RETURN_IF_ERROR(op.options(&options));
  FloatRange range;
  ROOST_RETURN_IF_ERROR(
      activation_range(options ? options->fused_activation_function() : ActivationFunctionType::NONE, &range));
  needs.data_bytes = sizeof range;
  if (memory) *static_cast<FloatRange*>(memory) = range;
  return Error::kNone;
}

Error invoke(const OperatorView& op, const void* memory) {
  const FloatRange& range = *static_cast<const FloatRange*>(memory);
  for_each_pair<float>(op, [&](float a, float b) { return clamp(a * b, range); });
  return Error::kNone;
}

}  // namespace

const Kernel kMulFloat = {BuiltinOperator::MUL, type_bit(TensorType::FLOAT32), 1, 7, prepare, invoke};

}  // namespace runtime
}  // namespace roost
