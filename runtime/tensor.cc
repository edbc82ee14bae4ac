#include "runtime/tensor.h"

#include "runtime/model_view.h"

namespace roost {
namespace runtime {

uint32_t element_size(TensorType type) {
  switch (type) {
    case TensorType::INT8:
    case TensorType::UINT8:
    case TensorType::BOOL:
      return 1;
    case TensorType::INT16:
    case TensorType::UINT16:
    case TensorType::FLOAT16:
      return 2;
    case TensorType::FLOAT32:
    case TensorType::INT32:
    case TensorType::UINT32:
      return 4;
    case TensorType::INT64:
    case TensorType::UINT64:
    case TensorType::FLOAT64:
      return 8;
    default:
      return 0;
  }
}

Span<const int32_t> Tensor::shape() const {
  const flatbuffers::Vector<int32_t>* shape = table_->shape();
  return shape ? Span<const int32_t>(shape->data(), shape->size()) : Span<const int32_t>();
}

uint32_t Tensor::count() const {
  uint32_t count = 1;
  for (int32_t dim : shape()) count *= static_cast<uint32_t>(dim);
  return count;
}

uint32_t Tensor::scale_count() const {
  const TensorType type = table_->type();
  const bool wide = type == TensorType::INT32 || type == TensorType::INT64;
  if ((constant_ && wide) || type == TensorType::FLOAT32) return 0;
  const tflite::QuantizationParameters* quantization = table_->quantization();
  return quantization ? size_of(quantization->scale()) : 0;
}

int32_t Tensor::zero_point(uint32_t index) const {
  const tflite::QuantizationParameters* quantization = table_->quantization();
  const uint32_t count = size_of(quantization->zero_point());
  if (count == 0) return 0;
  return static_cast<int32_t>(zero_point_at(quantization, index < count ? index : 0));
}

bool same_shape(const Tensor& a, const Tensor& b) {
  const Span<const int32_t> of_a = a.shape();
  const Span<const int32_t> of_b = b.shape();
  if (of_a.size() != of_b.size()) return false;
  for (size_t i = 0; i < of_a.size(); ++i) {
    if (of_a[i] != of_b[i]) return false;
  }
  return true;
}

}  // namespace runtime
}  // namespace roost
