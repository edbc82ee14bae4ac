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

uint32_t Tensor::count() const {
  uint32_t count = 1;
  for (uint32_t i = 0; i < rank(); ++i) count *= static_cast<uint32_t>(dim(i));
  return count;
}

uint32_t Tensor::scale_count() const {
  const bool wide = type() == TensorType::INT32 || type() == TensorType::INT64;
  if ((constant_ && wide) || type() == TensorType::FLOAT32) return 0;
  const tflite::QuantizationParameters* quantization = table_->quantization();
  return quantization && quantization->scale() ? quantization->scale()->size() : 0;
}

int32_t Tensor::zero_point(uint32_t index) const {
  const uint32_t count = size_of(table_->quantization()->zero_point());
  if (count == 0) return 0;
  return static_cast<int32_t>(zero_point_at(table_->quantization(), index < count ? index : 0));
}

bool same_shape(const Tensor& a, const Tensor& b) {
  if (a.rank() != b.rank()) return false;
  for (uint32_t i = 0; i < a.rank(); ++i) {
    if (a.dim(i) != b.dim(i)) return false;
  }
  return true;
}

}  // namespace runtime
}  // namespace roost
