// QUANTIZE from integers to integers: from one quantisation to another.
#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

enum : uint32_t { kTypes = type_bit(TensorType::INT8) | type_bit(TensorType::INT16) | type_bit(TensorType::INT32) };

struct Data {
  Multiplier multiplier;
  int32_t input_zero_point;
  int32_t zero_point;
  Range range;
};

Error range_of(TensorType input, TensorType output, Range* range) {
  switch (output) {
    case TensorType::INT8:
      *range = {INT8_MIN, INT8_MAX};
      return Error::kNone;
    case TensorType::INT16:
      *range = {INT16_MIN, INT16_MAX};
      return Error::kNone;
    case TensorType::INT32:
      *range = {INT32_MIN, INT32_MAX};
      return input == TensorType::INT32 ? Error::kOperandType : Error::kNone;
    default:
      return Error::kOperandType;
  }
}

Error prepare(Preparation& op) {
  Data data;
  ROOST_RETURN_IF_ERROR(range_of(op.in.type(), op.out.type(), &data.range));
  ROOST_RETURN_IF_ERROR(multiplier_of(op.in.scale(), 1.0f, op.out.scale(), &data.multiplier));
  data.input_zero_point = op.in.zero_point();
  data.zero_point = op.out.zero_point();
  op.needs.steps = op.in.count();
  return op.keep(data);
}

int32_t load(const Tensor& tensor, uint32_t index) {
  switch (tensor.type()) {
    case TensorType::INT8:
      return tensor.data<int8_t>()[index];
    case TensorType::INT16:
      return tensor.data<int16_t>()[index];
    default:
      return tensor.data<int32_t>()[index];
  }
}

void store(const Tensor& tensor, uint32_t index, int32_t value) {
  switch (tensor.type()) {
    case TensorType::INT8:
      tensor.mutable_data<int8_t>()[index] = static_cast<int8_t>(value);
      break;
    case TensorType::INT16:
      tensor.mutable_data<int16_t>()[index] = static_cast<int16_t>(value);
      break;
    default:
      tensor.mutable_data<int32_t>()[index] = value;
  }
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const Tensor input = op.input(0);
  const Tensor output = op.output(0);
  const uint32_t count = input.count();
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t value = wrapping_subtract(load(input, i), data.input_zero_point);
    store(output, i, to_output(value, data.multiplier, data.zero_point, data.range));
  }
  return Error::kNone;
}

}  // namespace

const Kernel kQuantizeInteger = {
    BuiltinOperator::QUANTIZE, kTypes, 4, 1, 1, kOneOutput | kSameShape | kPerTensor, nullptr, prepare, invoke};

}  // namespace runtime
}  // namespace roost
