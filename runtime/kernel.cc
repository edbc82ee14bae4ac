#include "runtime/kernel.h"

#include <string.h>

#include "runtime/model_view.h"
#include "runtime/plan.h"

namespace roost {
namespace runtime {

OperatorView::OperatorView(const Graph& graph, uint32_t op_index, const TensorPlaces* places)
    : graph_(graph),
      op_(graph.op(op_index)),
      inputs_(numbers_of(op_, tflite::Operator::VT_INPUTS)),
      outputs_(numbers_of(op_, tflite::Operator::VT_OUTPUTS)),
      places_(places) {}

// -1 for an absent one.
int32_t OperatorView::input_index(uint32_t index) const {
  return index < inputs_.size() ? inputs_.data()[index] : -1;
}

const uint8_t* OperatorView::input_bytes(uint32_t index) const {
  const int32_t tensor = input_index(index);
  if (tensor < 0) return nullptr;
  const uint8_t* constant = constant_data(graph_.model, graph_.table(static_cast<uint32_t>(tensor)));
  return constant ? constant : place_of(tensor);
}

uint8_t* OperatorView::output_bytes(uint32_t index) const {
  return place_of(outputs_[index]);
}

// Of tensors that are not constant.
uint8_t* OperatorView::place_of(int32_t tensor) const {
  return places_ ? places_->arena + places_->offsets[tensor] : nullptr;
}

Tensor OperatorView::tensor(Numbers operands, uint32_t index) const {
  const int32_t tensor = operands[index];
  return graph_.tensor(static_cast<uint32_t>(tensor), place_of(tensor));
}

Preparation::Preparation(const Graph& graph, uint32_t op_index, const MutableBytes& arena, uint32_t* end)
    : OperatorView(graph, op_index, nullptr),
      in(operand(0)),
      second(operand(1)),
      out(output(0)),
      arena_(arena),
      end_(end) {}

// `inline` where calls would cost more than the function.

inline Tensor Preparation::operand(uint32_t index) const {
  return has_input(index) ? input(index) : output(0);
}

Error Preparation::judge(const Kernel& kernel, int32_t version) {
  if (!kernel.takes(version)) return Error::kOperatorVersion;
  ROOST_RETURN_IF_ERROR(check_operands(kernel));
  ROOST_RETURN_IF_ERROR(find_options(kernel));
  return kernel.prepare(*this);
}

inline Error Preparation::check_operands(const Kernel& kernel) const {
  const uint32_t demands = kernel.demands;
  if (input_count() > kernel.inputs_max && kernel.inputs_max != kAnyCount) return Error::kOperatorOperands;
  for (uint32_t i = 0; i < kernel.inputs_min; ++i) {
    if (!has_input(i)) return Error::kOperatorOperands;
  }
  if ((demands & kOneOutput) != 0 && output_count() != 1) return Error::kOperatorOperands;
  if ((demands & kSameType) != 0 && out.type() != in.type()) return Error::kOperandType;
  if ((demands & kSameShape) != 0 && !same_shape(in, out)) return Error::kOperandShape;
  if ((demands & kPerTensor) != 0 && !(in.per_tensor() && out.per_tensor())) return Error::kOperandQuantisation;
  if ((demands & kWeights) == 0) return Error::kNone;
  if (second.type() != in.type()) return Error::kOperandType;
  return second.constant() ? Error::kNone : Error::kOperandNotConstant;
}

inline Error Preparation::find_options(const Kernel& kernel) {
  if (!kernel.options) return Error::kNone;
  const uint8_t number = scalar_of<uint8_t>(op_, tflite::Operator::VT_BUILTIN_OPTIONS_TYPE);
  const uint8_t* const options = static_cast<const uint8_t*>(target_of(op_, tflite::Operator::VT_BUILTIN_OPTIONS));
  if (number == 0 || !options) return (kernel.demands & kOptions) != 0 ? Error::kOptions : Error::kNone;
  const uint32_t at = static_cast<uint32_t>(options - graph_.file.data());
  options_ = options;
  const bool sound = number == kernel.options->number &&
                     FlatCheck(graph_.file, nullptr, 1).check_table(at, kernel.options->fields);
  return sound ? Error::kNone : Error::kOptions;
}

Error Preparation::keep(const void* data, uint32_t bytes) {
  const uint32_t at = *end_;
  *end_ += bytes;
  if (*end_ > kPlanBytesMax) return Error::kTensorTooLarge;
  if (*end_ <= arena_.size()) memcpy(arena_.data() + at, data, bytes);
  return Error::kNone;
}

const Kernel* const* find_kernel(const KernelList& kernels, BuiltinOperator op, uint32_t types) {
  for (const Kernel* const& kernel : kernels) {
    if (kernel->op == op && (kernel->types & types) != 0) return &kernel;
  }
  return nullptr;
}

}  // namespace runtime
}  // namespace roost
