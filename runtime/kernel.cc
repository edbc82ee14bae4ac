#include "runtime/kernel.h"

#include "runtime/model_view.h"

namespace roost {
namespace runtime {

OperatorView::OperatorView(const Graph& graph, uint32_t op_index, const TensorPlaces& places)
    : graph_(graph),
      op_(graph.op(op_index)),
      inputs_(int32s_of(op_, tflite::Operator::VT_INPUTS)),
      outputs_(int32s_of(op_, tflite::Operator::VT_OUTPUTS)),
      places_(places) {}

bool OperatorView::has_input(uint32_t index) const {
  return index < inputs_.size() && inputs_[index] >= 0;
}

int32_t OperatorView::input_index(uint32_t index) const {
  ROOST_ASSERT(has_input(index));
  return inputs_[index];
}

Tensor OperatorView::input(uint32_t index) const {
  return tensor(input_index(index));
}

Tensor OperatorView::output(uint32_t index) const {
  return tensor(outputs_[index]);
}

bool OperatorView::deciding_type(TensorType* type) const {
  if (!has_input(0) && outputs_.empty()) return false;
  *type = graph_.table(static_cast<uint32_t>(has_input(0) ? inputs_[0] : outputs_[0]))->type();
  return true;
}

Error OperatorView::expect_operands(uint32_t inputs_min, uint32_t inputs_max, uint32_t outputs) const {
  if (input_count() < inputs_min || input_count() > inputs_max || output_count() != outputs) {
    return Error::kOperatorOperands;
  }
  for (uint32_t i = 0; i < inputs_min; ++i) {
    if (!has_input(i)) return Error::kOperatorOperands;
  }
  return Error::kNone;
}

Error OperatorView::find_options(uint8_t number, const FlatTable& description, const void** table) const {
  const uint8_t* const options = reinterpret_cast<const uint8_t*>(op_->builtin_options());
  if (op_->builtin_options_type() == 0 || !options) return Error::kNone;
  const uint32_t at = static_cast<uint32_t>(options - graph_.file.data());
  if (op_->builtin_options_type() != number ||
      !FlatCheck(graph_.file, &description, 1).check_table(at, description)) {
    return Error::kOptions;
  }
  *table = options;
  return Error::kNone;
}

// Of tensors that are not constant.
uint8_t* OperatorView::place_of(int32_t index) const {
  return places_.arena ? places_.arena + places_.offsets[index] : nullptr;
}

uint8_t* OperatorView::data_of(int32_t index) const {
  const uint8_t* constant = constant_data(graph_.model, graph_.table(static_cast<uint32_t>(index)));
  return constant ? const_cast<uint8_t*>(constant) : place_of(index);
}

Tensor OperatorView::tensor(int32_t index) const {
  return graph_.tensor(static_cast<uint32_t>(index), place_of(index));
}

uint64_t saturating_add(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

const Kernel* const* find_kernel(const KernelList& kernels, BuiltinOperator op, uint32_t types) {
  for (const Kernel* const& kernel : kernels) {
    if (kernel->op == op && (kernel->types & types) != 0) return &kernel;
  }
  return nullptr;
}

}  // namespace runtime
}  // namespace roost
