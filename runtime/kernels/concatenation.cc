// CONCATENATION, of any type. Integers of 8 bits must have one quantisation throughout: nothing is rescaled.
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

struct Data {
  uint32_t outer_count;  // how many pieces of each input follow each other
  uint32_t axis;
  uint32_t inner_bytes;  // one step along the axis
};

Error expect_quantisation(const Tensor& input, const Tensor& output) {
  if (input.type() == TensorType::INT8) {
    ROOST_RETURN_IF_ERROR(expect_per_tensor(input));
    ROOST_RETURN_IF_ERROR(expect_per_tensor(output));
    const bool same = input.scale() == output.scale() && input.zero_point() == output.zero_point();
    return same ? Error::kNone : Error::kOperandQuantisation;
  }
  if (input.type() == TensorType::INT16) {
    const bool zero = (input.scale_count() == 0 || input.zero_point() == 0) &&
                      (output.scale_count() == 0 || output.zero_point() == 0);
    return zero ? Error::kNone : Error::kOperandQuantisation;
  }
  return Error::kNone;
}

// The inputs side by side along the axis are the output, and elsewhere as large.
Error expect_shapes(const Preparation& op, uint32_t axis) {
  const Tensor& output = op.out;
  int64_t along_axis = 0;
  for (uint32_t i = 0; i < op.input_count(); ++i) {
    const Tensor input = op.input(i);
    if (input.rank() != output.rank()) return Error::kOperandShape;
    for (uint32_t dim = 0; dim < output.rank(); ++dim) {
      if (dim != axis && input.dim(dim) != output.dim(dim)) return Error::kOperandShape;
    }
    along_axis += input.dim(axis);
  }
  return along_axis == output.dim(axis) ? Error::kNone : Error::kOperandShape;
}

Error prepare(Preparation& op) {
  const Tensor& output = op.out;
  const auto* const options = op.options<tflite::ConcatenationOptions>();
  if (options->fused_activation_function() != ActivationFunctionType::NONE) return Error::kOptions;
  for (uint32_t i = 0; i < op.input_count(); ++i) {
    if (!op.has_input(i)) return Error::kOperatorOperands;
    ROOST_RETURN_IF_ERROR(expect_type(op.input(i), output.type()));
    ROOST_RETURN_IF_ERROR(expect_quantisation(op.input(i), output));
  }
  const int32_t rank = static_cast<int32_t>(output.rank());
  const int32_t axis = options->axis();
  if (axis < -rank || axis >= rank) return Error::kOptions;
  Data data = {1, static_cast<uint32_t>(axis < 0 ? axis + rank : axis), element_size(output.type())};
  ROOST_RETURN_IF_ERROR(expect_shapes(op, data.axis));
  for (uint32_t i = 0; i < output.rank(); ++i) {
    if (i < data.axis) data.outer_count *= static_cast<uint32_t>(output.dim(i));
    if (i > data.axis) data.inner_bytes *= static_cast<uint32_t>(output.dim(i));
  }
  op.needs.steps = output.count();
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  uint8_t* out = op.output_data<uint8_t>(0);
  for (uint32_t outer = 0; outer < data.outer_count; ++outer) {
    for (uint32_t i = 0; i < op.input_count(); ++i) {
      const Tensor input = op.input(i);
      const uint32_t bytes = static_cast<uint32_t>(input.dim(data.axis)) * data.inner_bytes;
      memcpy(out, input.data<uint8_t>() + outer * bytes, bytes);
      out += bytes;
    }
  }
  return Error::kNone;
}

}  // namespace

const Kernel kConcatenation = {BuiltinOperator::CONCATENATION,
                               kTypes,
                               5,
                               1,
                               kAnyCount,
                               kOneOutput | kSameType | kOptions,
                               options_kind<tflite::ConcatenationOptions>(),
                               prepare,
                               invoke};

}  // namespace runtime
}  // namespace roost
