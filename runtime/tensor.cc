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

Tensor::Tensor(const tflite::Model* model, const tflite::Tensor* table, uint8_t* place)
    : table_(table),
      shape_(numbers_of(table, tflite::Tensor::VT_SHAPE)),
      type_(static_cast<TensorType>(scalar_of<int8_t>(table, tflite::Tensor::VT_TYPE))) {
  const uint8_t* constant = constant_data(model, table);
  constant_ = constant != nullptr;
  data_ = constant ? const_cast<uint8_t*>(constant) : place;
  // The gate is about to refuse a higher rank, and must not be kept busy by it.
  for (uint32_t i = 0; i < rank() && i < kRankMax; ++i) count_ *= static_cast<uint32_t>(shape_.data()[i]);
  const tflite::QuantizationParameters* const parameters = quantisation();
  if (!parameters) return;
  scales_ = numbers_of(parameters, tflite::QuantizationParameters::VT_SCALE);
  zero_points_ = numbers_of(parameters, tflite::QuantizationParameters::VT_ZERO_POINT);
}

const tflite::QuantizationParameters* Tensor::quantisation() const {
  constexpr uint32_t kAlways =
      type_bit(TensorType::INT8) | type_bit(TensorType::UINT8) | type_bit(TensorType::INT16);
  constexpr uint32_t kUnlessConstant = type_bit(TensorType::INT32) | type_bit(TensorType::INT64);
  const uint32_t types = constant_ ? kAlways : kAlways | kUnlessConstant;
  // A type that does not exist is refused whatever is found here.
  if ((types >> (static_cast<uint32_t>(type_) & 31) & 1) == 0) return nullptr;
  return static_cast<const tflite::QuantizationParameters*>(target_of(table_, tflite::Tensor::VT_QUANTIZATION));
}

uint32_t Tensor::bytes() const {
  return count_ * element_size(type_);
}

bool Tensor::variable() const {
  return scalar_of<uint8_t>(table_, tflite::Tensor::VT_IS_VARIABLE) != 0;
}

int32_t Tensor::quantized_dimension() const {
  return int32_of(quantisation(), tflite::QuantizationParameters::VT_QUANTIZED_DIMENSION);
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
