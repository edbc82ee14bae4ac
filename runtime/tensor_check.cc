#include "runtime/tensor_check.h"

#include "base/bytes.h"
#include "runtime/fixed_point.h"
#include "runtime/model_view.h"

namespace roost {
namespace runtime {
namespace {

Error check_shape(const Tensor& tensor) {
  uint32_t bytes = element_size(tensor.type());
  if (bytes == 0) return Error::kTensorType;
  if (tensor.rank() > kRankMax) return Error::kTensorShape;
  for (int32_t dim : tensor.shape()) {
    if (dim < 0) return Error::kDynamicShape;
    if (dim == 0) return Error::kTensorShape;
    if (static_cast<uint32_t>(dim) > kTensorBytesMax / bytes) return Error::kTensorTooLarge;
    bytes *= static_cast<uint32_t>(dim);
  }
  return Error::kNone;
}

Error check_buffer(const tflite::Model* model, const tflite::Tensor* table, const Tensor& tensor) {
  if (table->sparsity()) return Error::kSparseTensor;
  if (table->external_buffer() != 0) return Error::kBufferExternal;
  const auto* buffers = model->buffers();
  const uint32_t index = table->buffer();
  if (index >= size_of(buffers)) return Error::kBufferIndex;
  const tflite::Buffer* buffer = buffers->Get(index);
  if (buffer->offset() > 1 || buffer->size() > 1) return Error::kBufferExternal;
  if (!tensor.constant()) return Error::kNone;
  if (buffer->data()->size() != tensor.bytes()) return Error::kBufferSize;
  // The file starts at a multiple of kModelAlignment, so the address tells the same everywhere.
  const uintptr_t address = reinterpret_cast<uintptr_t>(tensor.data<uint8_t>());
  return address % element_size(tensor.type()) == 0 ? Error::kNone : Error::kBufferAlignment;
}

// Zero points have 64 bits in the file: those of this type, and 32 bits at most.
bool fits_type(const uint8_t* in_file, TensorType type) {
  const uint32_t value = load_le32(in_file);
  const bool negative = value >> 31 != 0;
  if (load_le32(in_file + 4) != (negative ? UINT32_MAX : 0)) return false;
  switch (type) {
    case TensorType::INT8:
      return value + 0x80 <= 0xFF;
    case TensorType::UINT8:
      return value <= 0xFF;
    case TensorType::INT16:
      return value + 0x8000 <= 0xFFFF;
    default:
      return true;
  }
}

Error check_quantisation(const tflite::Tensor* table, const Tensor& tensor) {
  const tflite::QuantizationParameters* quantisation = quantisation_of(table, tensor.constant());
  if (!quantisation) return Error::kNone;
  if (quantisation->details_type() != 0) return Error::kQuantisation;
  const uint32_t scales = tensor.scale_count();
  const flatbuffers::Vector<int64_t>* zero_point = quantisation->zero_point();
  const uint32_t zero_points = size_of(zero_point);
  if (zero_points > 1 && zero_points != scales) return Error::kQuantisation;
  if (scales > 1) {
    // Converters give a bias the dimension of its weights, though a vector has only one.
    const uint32_t dimension = tensor.rank() == 1 ? 0 : static_cast<uint32_t>(tensor.quantized_dimension());
    if (dimension >= tensor.rank() || static_cast<uint32_t>(tensor.dim(dimension)) != scales) {
      return Error::kQuantisation;
    }
  }
  for (uint32_t i = 0; i < scales; ++i) {
    if (!is_usable_scale(tensor.scale(i))) return Error::kQuantisation;
  }
  for (uint32_t i = 0; i < zero_points; ++i) {
    if (!fits_type(zero_point->Data() + 8 * i, tensor.type())) return Error::kQuantisation;
  }
  return Error::kNone;
}

}  // namespace

Error check_tensor(const tflite::Model* model, const tflite::Tensor* table, const Tensor& tensor) {
  ROOST_RETURN_IF_ERROR(check_shape(tensor));
  ROOST_RETURN_IF_ERROR(check_buffer(model, table, tensor));
  ROOST_RETURN_IF_ERROR(check_quantisation(table, tensor));
  return tensor.constant() && tensor.variable() ? Error::kVariableTensor : Error::kNone;
}

}  // namespace runtime
}  // namespace roost
