// ADD on int16.
#include "runtime/kernels/add_integer.h"
#include "runtime/kernels/all.h"

namespace roost {
namespace runtime {
namespace {

constexpr int32_t kLeftShift = 15;

Error prepare(Preparation& op) {
  AddData data;
  ROOST_RETURN_IF_ERROR(prepare_add(op, kLeftShift, &data));
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const AddData& data = *static_cast<const AddData*>(memory);
  for_each_pair<int16_t>(op, [&](int32_t a, int32_t b) { return static_cast<int16_t>(add(a, b, data)); });
  return Error::kNone;
}

}  // namespace

const Kernel kAddInt16 = {BuiltinOperator::ADD,
                          type_bit(TensorType::INT16),
                          5,
                          2,
                          2,
                          kOneOutput | kSameType | kPerTensor,
                          options_kind<tflite::AddOptions>(),
                          prepare,
                          invoke};

}  // namespace runtime
}  // namespace roost
