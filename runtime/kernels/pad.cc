// PAD and PADV2: values before and after, along every axis. PAD pads with what stands for zero, PADV2 with its
// third operand. Values are copied as they are, whatever the output's quantisation.
#include <string.h>

#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

enum : uint32_t {
  kTypes = type_bit(TensorType::INT8) | type_bit(TensorType::INT16) | type_bit(TensorType::INT32) |
           type_bit(TensorType::FLOAT32)
};

Error prepare_pad(Preparation& op) {
  const Tensor& input = op.in;
  const Tensor& output = op.out;
  Span<const int32_t> paddings;  // before and after, per axis
  ROOST_RETURN_IF_ERROR(constant_int32s(op.second, &paddings));
  if (output.rank() != input.rank() || paddings.size() != 2 * input.rank()) return Error::kOperandShape;
  for (uint32_t i = 0; i < input.rank(); ++i) {
    const int32_t before = paddings[2 * i];
    const int32_t after = paddings[2 * i + 1];
    if (before < 0 || after < 0) return Error::kOperandValue;
    if (static_cast<int64_t>(input.dim(i)) + before + after != output.dim(i)) return Error::kOperandShape;
  }
  op.needs.steps = output.count();
  return input.type() == TensorType::INT8 ? expect_per_tensor(output) : Error::kNone;
}

Error prepare_pad_v2(Preparation& op) {
  ROOST_RETURN_IF_ERROR(prepare_pad(op));
  const Tensor& output = op.out;
  const Tensor value = op.input(2);
  ROOST_RETURN_IF_ERROR(expect_type(value, output.type()));
  if (value.count() != 1) return Error::kOperandShape;
  if (output.type() != TensorType::INT8) return Error::kNone;
  ROOST_RETURN_IF_ERROR(expect_per_tensor(value));
  const bool same = value.scale() == output.scale() && value.zero_point() == output.zero_point();
  return same ? Error::kNone : Error::kOperandQuantisation;
}

class Padder {
 public:
  Padder(const OperatorView& op, const uint8_t* value)
      : input_(op.input(0)),
        output_(op.output(0)),
        paddings_(op.input_data<int32_t>(1)),
        value_(value),
        element_size_(element_size(output_.type())),
        in_(input_.data<uint8_t>()),
        out_(output_.mutable_data<uint8_t>()) {}

  void run() {
    // A single value has no axis to pad along.
    if (input_.rank() == 0) {
      memcpy(out_, in_, element_size_);
    } else {
      pad_axis(0, output_.count());
    }
  }

 private:
  // The output's next `count` values: all that lies at one position of the axes before `axis`. Recurses once per
  // axis.
  void pad_axis(uint32_t axis, uint32_t count) {
    const uint32_t step = count / static_cast<uint32_t>(output_.dim(axis));
    const uint32_t size = static_cast<uint32_t>(input_.dim(axis));
    fill(static_cast<uint32_t>(paddings_[2 * axis]) * step);
    if (axis + 1 == input_.rank()) {
      memcpy(out_, in_, size * element_size_);
      in_ += size * element_size_;
      out_ += size * element_size_;
    } else {
      for (uint32_t i = 0; i < size; ++i) pad_axis(axis + 1, step);
    }
    fill(static_cast<uint32_t>(paddings_[2 * axis + 1]) * step);
  }

  void fill(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i, out_ += element_size_) memcpy(out_, value_, element_size_);
  }

  const Tensor input_;
  const Tensor output_;
  const int32_t* paddings_;
  const uint8_t* value_;
  const uint32_t element_size_;
  const uint8_t* in_;
  uint8_t* out_;
};

Error invoke_pad(const OperatorView& op, const void*) {
  const Tensor output = op.output(0);
  uint8_t zero[sizeof(int32_t)] = {};
  if (output.type() == TensorType::INT8) zero[0] = static_cast<uint8_t>(output.zero_point());
  Padder(op, zero).run();
  return Error::kNone;
}

Error invoke_pad_v2(const OperatorView& op, const void*) {
  Padder(op, op.input_data<uint8_t>(2)).run();
  return Error::kNone;
}

}  // namespace

const Kernel kPad = {BuiltinOperator::PAD,   kTypes,  4,           2,         2,
                     kOneOutput | kSameType, nullptr, prepare_pad, invoke_pad};
const Kernel kPadV2 = {BuiltinOperator::PADV2, kTypes,       4, 3, 3, kOneOutput | kSameType, nullptr,
                       prepare_pad_v2,         invoke_pad_v2};

}  // namespace runtime
}  // namespace roost
