#include "runtime/tensor.h"

#include <string.h>

#include "runtime/model_view.h"

namespace roost {
namespace runtime {

namespace {

const uint32_t kNone = 0;

}  // namespace

Numbers::Numbers() : count_(&kNone) {}

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

const tflite::QuantizationParameters* quantisation_of(const tflite::Tensor* table, bool constant) {
  constexpr uint32_t kAlways =
      type_bit(TensorType::INT8) | type_bit(TensorType::UINT8) | type_bit(TensorType::INT16);
  constexpr uint32_t kUnlessConstant = type_bit(TensorType::INT32) | type_bit(TensorType::INT64);
  const uint32_t types = constant ? kAlways : kAlways | kUnlessConstant;
  const auto type = static_cast<TensorType>(scalar_of<int8_t>(table, tflite::Tensor::VT_TYPE));
  return element_size(type) != 0 && (types & type_bit(type)) != 0
             ? static_cast<const tflite::QuantizationParameters*>(target_of(table, tflite::Tensor::VT_QUANTIZATION))
             : nullptr;
}

Tensor::Tensor(const tflite::Model* model, const tflite::Tensor* table, uint8_t* place)
    : shape_(numbers_of(table, tflite::Tensor::VT_SHAPE)),
      type_(static_cast<TensorType>(scalar_of<int8_t>(table, tflite::Tensor::VT_TYPE))),
      variable_(scalar_of<uint8_t>(table, tflite::Tensor::VT_IS_VARIABLE) != 0) {
  const uint8_t* constant = constant_data(model, table);
  constant_ = constant != nullptr;
  data_ = constant ? const_cast<uint8_t*>(constant) : place;
  // The gate is about to refuse a higher rank, and must not be kept busy by it.
  for (uint32_t i = 0; i < rank() && i < kRankMax; ++i) count_ *= static_cast<uint32_t>(shape_[i]);
  const tflite::QuantizationParameters* quantisation = quantisation_of(table, constant_);
  if (!quantisation) return;
  scales_ = numbers_of(quantisation, tflite::QuantizationParameters::VT_SCALE);
  zero_points_ = numbers_of(quantisation, tflite::QuantizationParameters::VT_ZERO_POINT);
  quantized_dimension_ = int32_of(quantisation, tflite::QuantizationParameters::VT_QUANTIZED_DIMENSION);
}

int32_t Tensor::dim(uint32_t index) const {
  return shape_[index];
}

float Tensor::scale(uint32_t index) const {
  const int32_t bits = scales_[index];
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return scale;
}

int32_t Tensor::zero_point(uint32_t index) const {
  if (zero_points_.empty()) return 0;
  return zero_point_low(index < zero_points_.size() ? index : 0);
}

bool same_shape(const Tensor& a, const Tensor& b) {
  return a.rank() == b.rank() && memcmp(a.shape().data(), b.shape().data(), a.rank() * sizeof(int32_t)) == 0;
}

}  // namespace runtime
}  // namespace roost
