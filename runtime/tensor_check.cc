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
  const flatbuffers::Vector<int32_t>* shape = tensor->shape();
  const uint32_t rank = size_of(shape);
  if (rank > kRankMax) return Error::kTensorShape;
  for (uint32_t i = 0; i < rank; ++i) {
    const int32_t dim = shape->Get(i);
    if (dim < 0) return Error::kDynamicShape;
    if (dim == 0) return Error::kTensorShape;
    if (static_cast<uint32_t>(dim) > kTensorBytesMax / bytes) return Error::kTensorTooLarge;
    bytes *= static_cast<uint32_t>(dim);
  }
  return Error::kNone;
}

// Gives the constant's bytes; null where it is none.
Error check_buffer(const tflite::Model* model, const tflite::Tensor* tensor, const uint8_t** constant) {
  *constant = nullptr;
  if (tensor->sparsity()) return Error::kSparseTensor;
  if (tensor->external_buffer() != 0) return Error::kBufferExternal;
  const auto* buffers = model->buffers();
  const uint32_t index = tensor->buffer();
  if (index >= size_of(buffers)) return Error::kBufferIndex;
  const tflite::Buffer* buffer = buffers->Get(index);
  if (buffer->offset() > 1 || buffer->size() > 1) return Error::kBufferExternal;
  const uint8_t* data = constant_data(model, tensor);
  if (!data) return Error::kNone;
  *constant = data;
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

// Zero points have 64 bits in the file: those of this type, and 32 bits at most.
bool fits_type(int64_t zero_point, TensorType type) {
  const int32_t low_half = static_cast<int32_t>(zero_point);
  if (low_half != zero_point) return false;
  if (type == TensorType::INT8) return low_half == static_cast<int8_t>(low_half);
  if (type == TensorType::UINT8) return low_half == static_cast<uint8_t>(low_half);
  if (type == TensorType::INT16) return low_half == static_cast<int16_t>(low_half);
  return true;
}

// Converters leave the parameters of floats, indices and biases in all kinds of states; nobody reads those
// (Tensor::scale_count says 0 for constants of 32 bits and more).
bool is_quantised_type(TensorType type, bool constant) {
  switch (type) {
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

Error check_quantisation(const tflite::Tensor* tensor, bool constant) {
  const tflite::QuantizationParameters* quantization = tensor->quantization();
  const TensorType type = tensor->type();
  if (!quantization || !is_quantised_type(type, constant)) return Error::kNone;
  if (quantization->details_type() != 0) return Error::kQuantisation;
  const flatbuffers::Vector<float>* scale = quantization->scale();
  const uint32_t scales = size_of(scale);
  const uint32_t zero_points = size_of(quantization->zero_point());
  if (zero_points > 1 && zero_points != scales) return Error::kQuantisation;
  if (scales > 1) {
    // Converters give a bias the dimension of its weights, though a vector has only one.
    const flatbuffers::Vector<int32_t>* shape = tensor->shape();
    const uint32_t rank = size_of(shape);
    const uint32_t dimension = rank == 1 ? 0 : static_cast<uint32_t>(quantization->quantized_dimension());
    if (dimension >= rank || static_cast<uint32_t>(shape->Get(dimension)) != scales) return Error::kQuantisation;
  }
  for (uint32_t i = 0; i < scales; ++i) {
    if (!sound_scale(scale->Get(i))) return Error::kQuantisation;
  }
  for (uint32_t i = 0; i < zero_points; ++i) {
    if (!fits_type(zero_point_at(quantization, i), type)) return Error::kQuantisation;
  }
  return Error::kNone;
}

}  // namespace

Error check_tensor(const tflite::Model* model, const tflite::Tensor* tensor) {
  const uint8_t* constant = nullptr;
  Error error = check_shape(tensor);
  if (error == Error::kNone) error = check_buffer(model, tensor, &constant);
  if (error == Error::kNone) error = check_quantisation(tensor, constant != nullptr);
  if (error == Error::kNone && constant && tensor->is_variable()) error = Error::kVariableTensor;
  return error;
}

}  // namespace runtime
}  // namespace roost
