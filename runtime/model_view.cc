#include "runtime/model_view.h"

namespace roost {
namespace runtime {

const uint8_t* constant_data(const tflite::Model* model, const tflite::Tensor* tensor) {
  const auto* data = model->buffers()->Get(tensor->buffer())->data();
  // A variable starts at zero whatever its buffer says; the gate refuses one that has data.
  return data && data->size() > 0 ? data->data() : nullptr;
}

tflite::BuiltinOperator builtin_operator(const tflite::OperatorCode* code) {
  const int32_t old_code = code->deprecated_builtin_code();
  const int32_t new_code = static_cast<int32_t>(code->builtin_code());
  return static_cast<tflite::BuiltinOperator>(old_code > new_code ? old_code : new_code);
}

}  // namespace runtime
}  // namespace roost
