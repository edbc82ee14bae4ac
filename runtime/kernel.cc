#include "runtime/kernel.h"

#include "runtime/model_view.h"

namespace roost {
namespace runtime {

bool OperatorView::has_input(uint32_t index) const {
  return index < input_count() && op_->inputs()->Get(index) >= 0;
}

Tensor OperatorView::input(uint32_t index) const {
  ROOST_ASSERT(has_input(index));
  return tensor(op_->inputs()->Get(index));
}

Tensor OperatorView::output(uint32_t index) const {
  ROOST_ASSERT(index < output_count());
  return tensor(op_->outputs()->Get(index));
}

bool OperatorView::deciding_type(TensorType* type) const {
  if (has_input(0)) {
    *type = input(0).type();
  } else if (output_count() > 0) {
    *type = output(0).type();
  } else {
    return false;
  }
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

Error OperatorView::find_options(uint8_t number, FlatTable description, const void** table) const {
  const uint8_t* const options = reinterpret_cast<const uint8_t*>(op_->builtin_options());
  if (op_->builtin_options_type() == 0 || !options) return Error::kNone;
  const uint32_t at = static_cast<uint32_t>(options - file_.data());
  if (op_->builtin_options_type() != number || !FlatCheck(file_, &description, 1).check_table(at, description)) {
    return Error::kOptions;
  }
  *table = options;
  return Error::kNone;
}

Tensor OperatorView::tensor(int32_t index) const {
  const tflite::Tensor* table = graph_->tensors()->Get(static_cast<uint32_t>(index));
  if (const uint8_t* constant = constant_data(tflite::GetModel(file_.data()), table)) {
    return Tensor(table, const_cast<uint8_t*>(constant), true);
  }
  uint8_t* data = places_.arena ? places_.arena + places_.offsets[index] : nullptr;
  return Tensor(table, data, false);
}

const Kernel* const* find_kernel(KernelList kernels, BuiltinOperator op, TensorType type) {
  for (const Kernel* const& kernel : kernels) {
    if (kernel->op == op && (kernel->types & type_bit(type)) != 0) return &kernel;
  }
  return nullptr;
}

}  // namespace runtime
}  // namespace roost
