// RESHAPE, of any type: the values stay in their order. The output's shape in the file is what counts; the shape
// operand, if there is one, must agree with it.
#include <string.h>

#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

enum : uint32_t {
  kTypes = type_bit(TensorType::INT8) | type_bit(TensorType::INT16) | type_bit(TensorType::INT32) |
           type_bit(TensorType::INT64) | type_bit(TensorType::FLOAT32) | type_bit(TensorType::BOOL)
};

// -1 stands for whatever is left over, once.
Error expect_shape(const Tensor& shape_operand, const Tensor& output) {
  if (shape_operand.count() == 0 && output.rank() == 0) return Error::kNone;
  Span<const int32_t> dims;
  ROOST_RETURN_IF_ERROR(constant_int32s(shape_operand, &dims));
  if (dims.size() != output.rank()) return Error::kOperandValue;
  const int32_t* dim = dims.begin();
  bool left_over = false;
  for (int32_t actual : output.shape()) {
    const int32_t asked = *dim++;
    if (asked == actual) continue;
    if (asked != -1 || left_over) return Error::kOperandValue;
    left_over = true;
  }
  return Error::kNone;
}

Error prepare(Preparation& op) {
  op.needs.steps = op.in.count();
  if (op.in.count() != op.out.count()) return Error::kOperandShape;
  return op.has_input(1) ? expect_shape(op.second, op.out) : Error::kNone;
}

Error invoke(const OperatorView& op, const void*) {
  const Tensor input = op.input(0);
  // They live at the same time, and so in different places.
  memcpy(op.output_data<uint8_t>(0), input.data<uint8_t>(), input.bytes());
  return Error::kNone;
}

}  // namespace

const Kernel kReshape = {BuiltinOperator::RESHAPE, kTypes,  2,       1,     2,
                         kOneOutput | kSameType,   nullptr, prepare, invoke};

}  // namespace runtime
}  // namespace roost
