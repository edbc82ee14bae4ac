#include "runtime/tensor_check.h"

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
  const auto& buffers = tables_of<tflite::Buffer>(model, tflite::Model::VT_BUFFERS);
  const uint32_t index = table->buffer();
  if (index >= buffers.size()) return Error::kBufferIndex;
  const tflite::Buffer* buffer = buffers.Get(index);
  if (buffer->offset() > 1 || buffer->size() > 1) return Error::kBufferExternal;
  if (!tensor.constant()) return Error::kNone;
  if (vector_of<uint8_t>(buffer, tflite::Buffer::VT_DATA).size() != tensor.bytes()) return Error::kBufferSize;
  // The file starts at a multiple of kModelAlignment, so the address tells the same everywhere.
  const uintptr_t address = reinterpret_cast<uintptr_t>(tensor.data<uint8_t>());
  return address % element_size(tensor.type()) == 0 ? Error::kNone : Error::kBufferAlignment;
}

// Zero points have 64 bits in the file: those of this type, and 32 bits at most.
bool fits_type(const Tensor& tensor, uint32_t index) {
  const int32_t low = tensor.zero_point_low(index);
  if (tensor.zero_point_high(index) != (low < 0 ? -1 : 0)) return false;
  const uint32_t value = static_cast<uint32_t>(low);
  switch (tensor.type()) {
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
  const uint32_t zero_points = tensor.zero_point_count();
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
    if (!fits_type(tensor, i)) return Error::kQuantisation;
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
