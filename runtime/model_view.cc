#include "runtime/model_view.h"

#include "base/bytes.h"

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

int64_t zero_point_at(const tflite::QuantizationParameters* quantization, uint32_t index) {
  return static_cast<int64_t>(load_le64(quantization->zero_point()->Data() + 8u * index));
}

}  // namespace runtime
}  // namespace roost
