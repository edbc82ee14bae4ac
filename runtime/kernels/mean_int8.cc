// MEAN on int8: the division is part of the rescaling.
#include "runtime/kernels/all.h"
#include "runtime/kernels/mean.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  uint32_t reduced_axes;
  int32_t sum_offset;  // what is added to each sum: minus the input's zero point, as often as there are values
  Multiplier multiplier;
  int32_t zero_point;
};

// multiplier / count, keeping as many bits as the reference does: those of count's magnitude, no shift below -31.
Multiplier divided_by(Multiplier multiplier, uint32_t count) {
  int32_t spare = 0;
  while (spare < 31 && count >> (spare + 1) != 0) ++spare;
  if (spare > 31 + multiplier.shift) spare = 31 + multiplier.shift;
  const uint64_t widened = static_cast<uint64_t>(multiplier.value) << spare;
  return {static_cast<int32_t>(widened / count), multiplier.shift - spare};
}

Error prepare(Preparation& op) {
  MeanShape shape;
  ROOST_RETURN_IF_ERROR(mean_shape(op, &shape));
  // Sums of values minus zero points, 256 apart at most.
  if (shape.count > INT32_MAX / 256) return Error::kOverflow;
  Multiplier multiplier;
  ROOST_RETURN_IF_ERROR(multiplier_of(op.in.scale(), 1.0f, op.out.scale(), &multiplier));
  op.needs.scratch_bytes = op.out.count() * sizeof(int32_t);
  return op.keep(Data{shape.reduced_axes, -op.in.zero_point() * static_cast<int32_t>(shape.count),
                      divided_by(multiplier, shape.count), op.out.zero_point()});
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const Tensor output = op.output(0);
  int32_t* sums = op.scratch<int32_t>();
  sum_over_axes<int8_t>(op.input(0), data.reduced_axes, sums, output.count());
  int8_t* out = output.mutable_data<int8_t>();
  for (uint32_t i = 0; i < output.count(); ++i) {
    const Range range = {INT8_MIN, INT8_MAX};
    out[i] = static_cast<int8_t>(to_output(sums[i] + data.sum_offset, data.multiplier, data.zero_point, range));
  }
  return Error::kNone;
}

}  // namespace

const Kernel kMeanInt8 = {BuiltinOperator::MEAN,
                          type_bit(TensorType::INT8),
                          3,
                          2,
                          2,
                          kOneOutput | kSameType | kPerTensor,
                          options_kind<tflite::ReducerOptions>(),
                          prepare,
                          invoke};

}  // namespace runtime
}  // namespace roost
