// RELU on int8: rescaled to the output's scale, nothing below its zero point.
#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  int32_t input_zero_point;
  Multiplier multiplier;
  int32_t zero_point;
};

Error prepare(Preparation& op) {
  Data data;
  data.input_zero_point = op.in.zero_point();
  data.zero_point = op.out.zero_point();
  // The one ratio that the reference takes in single precision.
  ROOST_RETURN_IF_ERROR(multiplier_of(op.in.scale() / op.out.scale(), 1.0f, 1.0f, &data.multiplier));
  op.needs.steps = op.in.count();
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const Tensor input = op.input(0);
  const int8_t* in = input.data<int8_t>();
  int8_t* out = op.output_data<int8_t>(0);
  const Range range = {data.zero_point, INT8_MAX};
  for (uint32_t i = 0; i < input.count(); ++i) {
    out[i] = static_cast<int8_t>(to_output(in[i] - data.input_zero_point, data.multiplier, data.zero_point, range));
  }
  return Error::kNone;
}

}  // namespace

const Kernel kReluInt8 = {
    BuiltinOperator::RELU, type_bit(TensorType::INT8), 3, 1, 1, kUnary | kPerTensor, nullptr, prepare, invoke};

}  // namespace runtime
}  // namespace roost
