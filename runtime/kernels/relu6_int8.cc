// RELU6 on int8. The reference clamps between what 0 and 6 are in the input's quantisation and does not rescale, so
// the output's quantisation is not looked at.
#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  Range range;
};

Error prepare(Preparation& op) {
  Data data;
  ROOST_RETURN_IF_ERROR(activation_range(ActivationFunctionType::RELU6, op.in, &data.range));
  op.needs.steps = op.in.count();
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const Range& range = static_cast<const Data*>(memory)->range;
  const Tensor input = op.input(0);
  const int8_t* in = input.data<int8_t>();
  int8_t* out = op.output_data<int8_t>(0);
  for (uint32_t i = 0; i < input.count(); ++i) out[i] = static_cast<int8_t>(clamp(in[i], range.low, range.high));
  return Error::kNone;
}

}  // namespace

const Kernel kRelu6Int8 = {
    BuiltinOperator::RELU6, type_bit(TensorType::INT8), 3, 1, 1, kUnary | kPerTensor, nullptr, prepare, invoke};

}  // namespace runtime
}  // namespace roost
