// STRIDED_SLICE, of any type, forwards or backwards along each axis.
#include <string.h>

#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

enum : uint32_t {
  kTypes = type_bit(TensorType::INT8) | type_bit(TensorType::INT16) | type_bit(TensorType::INT32) |
           type_bit(TensorType::FLOAT32) | type_bit(TensorType::BOOL)
};

struct Axis {
  int32_t count;
  int32_t step;  // in values of the input
};

struct Data {
  int32_t first;  // the first value's index in the input
  Axis axes[kRankMax];
};

struct Slice {
  int32_t begin;
  int32_t end;
  int32_t stride;
};

int32_t clamped_index(int32_t index, int32_t size, int32_t low, int32_t high) {
  // index + size does not overflow: one is negative, the other positive.
  return clamp(index < 0 ? index + size : index, low, high);
}

// What of an axis of `size` values is taken, as NumPy would: positions begin, begin + stride, ... short of end.
Slice resolve(Slice given, int32_t size, bool begin_open, bool end_open) {
  const bool forwards = given.stride > 0;
  const int32_t low = forwards ? 0 : -1;
  const int32_t high = forwards ? size : size - 1;
  Slice slice = {forwards ? low : high, forwards ? high : low, given.stride};
  if (!begin_open) slice.begin = clamped_index(given.begin, size, low, high);
  if (!end_open) slice.end = clamped_index(given.end, size, low, high);
  return slice;
}

int32_t count_of(const Slice& slice) {
  const int64_t distance = static_cast<int64_t>(slice.end) - slice.begin;
  const int64_t stride = slice.stride;
  const int64_t count = stride > 0 ? (distance + stride - 1) / stride : (distance + stride + 1) / stride;
  return count > 0 ? static_cast<int32_t>(count) : 0;
}

struct Operands {
  Span<const int32_t> begin;
  Span<const int32_t> end;
  Span<const int32_t> strides;
};

Error operands_of(const Preparation& op, Operands* operands) {
  ROOST_RETURN_IF_ERROR(constant_int32s(op.second, &operands->begin));
  ROOST_RETURN_IF_ERROR(constant_int32s(op.input(2), &operands->end));
  ROOST_RETURN_IF_ERROR(constant_int32s(op.input(3), &operands->strides));
  const uint32_t rank = op.in.rank();
  const bool one_per_axis =
      operands->begin.size() == rank && operands->end.size() == rank && operands->strides.size() == rank;
  return one_per_axis ? Error::kNone : Error::kOperandShape;
}

bool has_bit(int32_t mask, uint32_t index) {
  return (static_cast<uint32_t>(mask) >> index & 1) != 0;
}

Error prepare(Preparation& op) {
  Operands operands;
  ROOST_RETURN_IF_ERROR(operands_of(op, &operands));
  const auto* const options = op.options<tflite::StridedSliceOptions>();
  if (options->ellipsis_mask() != 0 || options->new_axis_mask() != 0 || options->offset()) return Error::kOptions;
  const Tensor& input = op.in;
  const Tensor& output = op.out;
  Data data = {};
  uint32_t next = 0;  // axis of the output
  int32_t inner = static_cast<int32_t>(input.count());
  for (uint32_t i = 0; i < input.rank(); ++i) {
    const int32_t size = input.dim(i);
    inner /= size;
    const Slice given = {operands.begin[i], operands.end[i], operands.strides[i]};
    const bool shrink = has_bit(options->shrink_axis_mask(), i);
    if (given.stride == 0 || (shrink && given.stride < 0)) return Error::kOperandValue;
    Slice slice = resolve(given, size, has_bit(options->begin_mask(), i), has_bit(options->end_mask(), i));
    if (shrink) {
      if (slice.begin >= size) return Error::kOperandValue;
      slice.end = slice.begin + 1;
    }
    const int32_t count = count_of(slice);
    if (!shrink && (next >= output.rank() || output.dim(next++) != count)) return Error::kOperandShape;
    data.first += slice.begin * inner;
    // One position has no next one, and a stride to it may be anything.
    data.axes[i] = {count, count > 1 ? slice.stride * inner : 0};
  }
  if (next != output.rank()) return Error::kOperandShape;
  op.needs.steps = output.count();
  return op.keep(data);
}

class Slicer {
 public:
  Slicer(const OperatorView& op, const Data& data)
      : data_(data),
        rank_(op.input(0).rank()),
        element_size_(element_size(op.input(0).type())),
        in_(op.input_data<uint8_t>(0)),
        out_(op.output_data<uint8_t>(0)) {}

  // Copies what lies at one position of the axes before `axis`; recurses once per axis.
  void copy(uint32_t axis, int32_t index) {
    if (axis == rank_ || axis == kRankMax) {
      memcpy(out_, in_ + static_cast<uint32_t>(index) * element_size_, element_size_);
      out_ += element_size_;
      return;
    }
    for (int32_t i = 0; i < data_.axes[axis].count; ++i, index += data_.axes[axis].step) copy(axis + 1, index);
  }

 private:
  const Data& data_;
  const uint32_t rank_;
  const uint32_t element_size_;
  const uint8_t* in_;
  uint8_t* out_;
};

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  Slicer(op, data).copy(0, data.first);
  return Error::kNone;
}

}  // namespace

const Kernel kStridedSlice = {BuiltinOperator::STRIDED_SLICE,
                              kTypes,
                              8,
                              4,
                              4,
                              kOneOutput | kSameType | kOptions,
                              options_kind<tflite::StridedSliceOptions>(),
                              prepare,
                              invoke};

}  // namespace runtime
}  // namespace roost
