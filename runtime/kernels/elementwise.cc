#include "runtime/kernels/elementwise.h"

namespace roost {
namespace runtime {
namespace {

// The size of a dimension counted from the innermost; 1 beyond the rank.
uint32_t size_from_inside(const Tensor& tensor, uint32_t index) {
  return index < tensor.rank() ? static_cast<uint32_t>(tensor.dim(tensor.rank() - 1 - index)) : 1;
}

}  // namespace

Error expect_broadcast(Preparation& op) {
  const Tensor& a = op.in;
  const Tensor& b = op.second;
  const Tensor& output = op.out;
  ROOST_RETURN_IF_ERROR(expect_type(b, a.type()));
  if (output.rank() != (a.rank() > b.rank() ? a.rank() : b.rank())) return Error::kOperandShape;
  for (uint32_t i = 0; i < output.rank(); ++i) {
    const uint32_t a_size = size_from_inside(a, i);
    const uint32_t b_size = size_from_inside(b, i);
    if (a_size != b_size && a_size != 1 && b_size != 1) return Error::kOperandShape;
    if (size_from_inside(output, i) != (a_size > b_size ? a_size : b_size)) return Error::kOperandShape;
  }
  op.needs.steps = output.count();
  return Error::kNone;
}

// Neighbouring axes that are broadcast alike become one, so that equal shapes are a single run.
BroadcastRuns::BroadcastRuns(const OperatorView& op) {
  const Tensor a = op.input(0);
  const Tensor b = op.input(1);
  const uint32_t rank = op.output(0).rank();
  uint32_t a_stride = 1;
  uint32_t b_stride = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    const uint32_t a_size = size_from_inside(a, i);
    const uint32_t b_size = size_from_inside(b, i);
    const uint32_t size = a_size > b_size ? a_size : b_size;
    if (size == 1) continue;
    const Axis axis = {size, 0, a_size == 1 ? 0 : a_stride, b_size == 1 ? 0 : b_stride};
    Axis* inner = rank_ > 0 ? &axes_[rank_ - 1] : nullptr;
    const bool alike =
        inner && (inner->a_stride == 0) == (axis.a_stride == 0) && (inner->b_stride == 0) == (axis.b_stride == 0);
    if (alike) {
      inner->size *= size;
    } else {
      axes_[rank_++] = axis;
    }
    a_stride *= a_size;
    b_stride *= b_size;
  }
  if (rank_ == 0) axes_[rank_++] = {1, 0, 0, 0};
  length = axes_[0].size;
  a_step = axes_[0].a_stride;
  b_step = axes_[0].b_stride;
}

bool BroadcastRuns::next() {
  if (!started_) {
    started_ = true;
    return true;
  }
  for (uint32_t i = 1; i < rank_; ++i) {
    Axis& axis = axes_[i];
    a_index += axis.a_stride;
    b_index += axis.b_stride;
    if (++axis.position < axis.size) return true;
    a_index -= axis.a_stride * axis.size;
    b_index -= axis.b_stride * axis.size;
    axis.position = 0;
  }
  return false;
}

}  // namespace runtime
}  // namespace roost
