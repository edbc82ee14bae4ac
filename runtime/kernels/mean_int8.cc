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

Error prepare(const OperatorView& op, Needs& needs, void* memory) {
  MeanShape shape;
  ROOST_RETURN_IF_ERROR(mean_shape(op, &shape, &needs));
  const Tensor input = op.input(0);
  const Tensor output = op.output(0);
  ROOST_RETURN_IF_ERROR(expect_per_tensor(input));
  ROOST_RETURN_IF_ERROR(expect_per_tensor(output));
  // Sums of values minus zero points, 256 apart at most.
  if (shape.count > INT32_MAX / 256) return Error::kOverflow;
  Multiplier multiplier;
  ROOST_RETURN_IF_ERROR(multiplier_of(input.scale(), 1.0f, output.scale(), &multiplier));
  needs.data_bytes = sizeof(Data);
  needs.scratch_bytes = output.count() * sizeof(int32_t);
  if (memory) {
    *static_cast<Data*>(memory) = {shape.reduced_axes, -input.zero_point() * static_cast<int32_t>(shape.count),
                                   divided_by(multiplier, shape.count), output.zero_point()};
  }
  return Error::kNone;
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

const Kernel kMeanInt8 = {BuiltinOperator::MEAN, type_bit(TensorType::INT8), 1, 3, prepare, invoke};

}  // namespace runtime
}  // namespace roost
