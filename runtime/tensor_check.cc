#include "runtime/tensor_check.h"

#include <string.h>

#include "runtime/model_view.h"
#include "runtime/tensor.h"

namespace roost {
namespace runtime {
namespace {

Error check_shape(const tflite::Tensor* tensor) {
  uint32_t bytes = element_size(tensor->type());
  if (bytes == 0) return Error::kTensorType;
  if (size_of(tensor->shape()) > kRankMax) return Error::kTensorShape;
  for (uint32_t i = 0; i < size_of(tensor->shape()); ++i) {
    const int32_t dim = tensor->shape()->Get(i);
    if (dim < 0) return Error::kDynamicShape;
    if (dim == 0) return Error::kTensorShape;
    if (static_cast<uint32_t>(dim) > kTensorBytesMax / bytes) return Error::kTensorTooLarge;
    bytes *= static_cast<uint32_t>(dim);
  }
  return Error::kNone;
}

Error check_buffer(const tflite::Model* model, const tflite::Tensor* tensor) {
  if (tensor->sparsity()) return Error::kSparseTensor;
  if (tensor->external_buffer() != 0) return Error::kBufferExternal;
  if (tensor->buffer() >= size_of(model->buffers())) return Error::kBufferIndex;
  const tflite::Buffer* buffer = model->buffers()->Get(tensor->buffer());
  if (buffer->offset() > 1 || buffer->size() > 1) return Error::kBufferExternal;
  const uint8_t* data = constant_data(model, tensor);
  if (!data) return Error::kNone;
  const Tensor view(tensor, nullptr, true);
  if (buffer->data()->size() != view.bytes()) return Error::kBufferSize;
  // The file starts at a multiple of kModelAlignment, so the address tells the same everywhere.
  if (reinterpret_cast<uintptr_t>(data) % element_size(tensor->type()) != 0) return Error::kBufferAlignment;
  return Error::kNone;
}

// By its bits, since comparing floats would let NaN through one way or the other: sign clear, neither zero nor
// subnormal (such a scale is nobody's intention), neither infinite nor NaN.
bool sound_scale(float scale) {
  uint32_t bits;
  memcpy(&bits, &scale, sizeof bits);
  return bits >= 0x00800000u && bits < 0x7F800000u;
}

void zero_point_range(TensorType type, int64_t* low, int64_t* high) {
  *low = INT32_MIN;
  *high = INT32_MAX;
  if (type == TensorType::INT8) *low = -128, *high = 127;
  if (type == TensorType::UINT8) *low = 0, *high = 255;
  if (type == TensorType::INT16) *low = -32768, *high = 32767;
}

// Converters leave the parameters of floats, indices and biases in all kinds of states; nobody reads those
// (Tensor::scale_count says 0 for constants of 32 bits and more).
bool is_quantised_type(const tflite::Tensor* tensor, bool constant) {
  switch (tensor->type()) {
    case TensorType::INT8:
    case TensorType::UINT8:
    case TensorType::INT16:
      return true;
    case TensorType::INT32:
    case TensorType::INT64:
      return !constant;
    default:
      return false;
  }
}

Error check_quantisation(const tflite::Model* model, const tflite::Tensor* tensor) {
  const tflite::QuantizationParameters* quantization = tensor->quantization();
  if (!quantization || !is_quantised_type(tensor, constant_data(model, tensor) != nullptr)) return Error::kNone;
  if (quantization->details_type() != 0) return Error::kQuantisation;
  const uint32_t scales = size_of(quantization->scale());
  const uint32_t zero_points = size_of(quantization->zero_point());
  if (zero_points > 1 && zero_points != scales) return Error::kQuantisation;
  if (scales > 1) {
    // Converters give a bias the dimension of its weights, though a vector has only one.
    const int32_t dimension = size_of(tensor->shape()) == 1 ? 0 : quantization->quantized_dimension();
    if (dimension < 0 || static_cast<uint32_t>(dimension) >= size_of(tensor->shape())) return Error::kQuantisation;
    const int32_t channels = tensor->shape()->Get(static_cast<uint32_t>(dimension));
    if (static_cast<uint32_t>(channels) != scales) return Error::kQuantisation;
  }
  for (uint32_t i = 0; i < scales; ++i) {
    if (!sound_scale(quantization->scale()->Get(i))) return Error::kQuantisation;
  }
  int64_t low, high;
  zero_point_range(tensor->type(), &low, &high);
  for (uint32_t i = 0; i < zero_points; ++i) {
    const int64_t zero_point = zero_point_at(quantization, i);
    if (zero_point < low || zero_point > high) return Error::kQuantisation;
  }
  return Error::kNone;
}

}  // namespace

Error check_tensor(const tflite::Model* model, const tflite::Tensor* tensor) {
  Error error = check_shape(tensor);
  if (error == Error::kNone) error = check_buffer(model, tensor);
  if (error == Error::kNone) error = check_quantisation(model, tensor);
  if (error == Error::kNone && tensor->is_variable() && constant_data(model, tensor))
    error = Error::kVariableTensor;
  return error;
}

}  // namespace runtime
}  // namespace roost
