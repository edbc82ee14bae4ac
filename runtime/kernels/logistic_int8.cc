// LOGISTIC on int8, in fixed point.
#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

constexpr int32_t kInputIntegerBits = 4;
constexpr int32_t kOutputBits = 8;

struct Data {
  int32_t input_zero_point;
  int32_t radius;  // inputs that far from zero or farther give 0 or 1
  Multiplier input;
};

Error prepare(Preparation& op) {
  // Outputs are fractions of 1.
  if (op.out.zero_point() != INT8_MIN || op.out.scale() != 1.0f / (1 << kOutputBits)) {
    return Error::kOperandQuantisation;
  }
  Data data;
  data.input_zero_point = op.in.zero_point();
  const int64_t q4_max = ((1 << kInputIntegerBits) - 1) * (int64_t{1} << (31 - kInputIntegerBits));
  if (!to_multiplier(op.in.scale(), 1 << (31 - kInputIntegerBits), 1.0f, &data.input)) {
    data.input = {0, 0};
    data.radius = 0;
  } else if (data.input.value == 0 || data.input.shift < 0) {
    return Error::kOperandQuantisation;
  } else {
    const int64_t radius = q4_max >> data.input.shift;
    data.radius = static_cast<int32_t>(radius);
  }
  op.needs.steps = static_cast<uint64_t>(op.in.count()) * 32;  // an exponential and a division each
  return op.keep(data);
}

int8_t logistic(int32_t value, const Data& data) {
  if (value <= -data.radius) return INT8_MIN;
  if (value >= data.radius) return INT8_MAX;
  const int32_t result = logistic_of_q4(rescale(value, data.input));
  const int32_t fraction = rounding_shift_right(result, 31 - kOutputBits);
  return static_cast<int8_t>(clamp(fraction + INT8_MIN, INT8_MIN, INT8_MAX));
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const Tensor input = op.input(0);
  const int8_t* in = input.data<int8_t>();
  int8_t* out = op.output_data<int8_t>(0);
  for (uint32_t i = 0; i < input.count(); ++i) out[i] = logistic(in[i] - data.input_zero_point, data);
  return Error::kNone;
}

}  // namespace

const Kernel kLogisticInt8 = {
    BuiltinOperator::LOGISTIC, type_bit(TensorType::INT8), 3, 1, 1, kUnary | kPerTensor, nullptr, prepare, invoke};

}  // namespace runtime
}  // namespace roost
