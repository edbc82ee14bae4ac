#include "runtime/kernels/mean.h"

namespace roost {
namespace runtime {
namespace {

Error reduced_axes_of(const Preparation& op, uint32_t* reduced_axes) {
  Span<const int32_t> axes;
  ROOST_RETURN_IF_ERROR(constant_int32s(op.second, &axes));
  const int32_t rank = static_cast<int32_t>(op.in.rank());
  *reduced_axes = 0;
  for (int32_t axis : axes) {
    if (axis < -rank || axis >= rank) return Error::kOperandValue;
    *reduced_axes |= 1u << (axis < 0 ? axis + rank : axis);
  }
  return Error::kNone;
}

bool is_reduced(uint32_t reduced_axes, uint32_t axis) {
  return (reduced_axes >> axis & 1) != 0;
}

Error expect_output_shape(const Tensor& input, const Tensor& output, uint32_t reduced_axes, bool keep_dims) {
  uint32_t next = 0;
  for (uint32_t axis = 0; axis < input.rank(); ++axis) {
    const bool reduced = is_reduced(reduced_axes, axis);
    if (reduced && !keep_dims) continue;
    if (next >= output.rank() || output.dim(next) != (reduced ? 1 : input.dim(axis))) return Error::kOperandShape;
    ++next;
  }
  return next == output.rank() ? Error::kNone : Error::kOperandShape;
}

}  // namespace

Error mean_shape(Preparation& op, MeanShape* shape) {
  ROOST_RETURN_IF_ERROR(reduced_axes_of(op, &shape->reduced_axes));
  const auto* const options = op.options<tflite::ReducerOptions>();
  const bool keep_dims = options && options->keep_dims();
  ROOST_RETURN_IF_ERROR(expect_output_shape(op.in, op.out, shape->reduced_axes, keep_dims));
  shape->count = op.in.count() / op.out.count();
  op.needs.steps = op.in.count();
  return Error::kNone;
}

ReductionRuns::ReductionRuns(const Tensor& input, uint32_t reduced_axes) : rank_(input.rank()) {
  uint32_t stride = 1;
  for (uint32_t axis = rank_; axis-- > 0;) {
    const bool reduced = is_reduced(reduced_axes, axis);
    sizes_[axis] = static_cast<uint32_t>(input.dim(axis));
    strides_[axis] = reduced ? 0 : stride;
    positions_[axis] = 0;
    if (!reduced) stride *= sizes_[axis];
  }
  if (rank_ > 0) {
    length = sizes_[rank_ - 1];
    output_step = strides_[rank_ - 1];
  }
}

bool ReductionRuns::next() {
  for (uint32_t axis = rank_ > 0 ? rank_ - 1 : 0; axis-- > 0;) {
    output_index += strides_[axis];
    if (++positions_[axis] < sizes_[axis]) return true;
    output_index -= strides_[axis] * sizes_[axis];
    positions_[axis] = 0;
  }
  return false;
}

}  // namespace runtime
}  // namespace roost
