#include "runtime/tensor_check.h"

#include "runtime/fixed_point.h"
#include "runtime/model_view.h"

namespace roost {
namespace runtime {
namespace {

Error check_shape(const Tensor& tensor, uint32_t element_bytes) {
  uint32_t bytes = element_bytes;
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

Error check_buffer(const tflite::Model* model, const Tensor& tensor, uint32_t element_bytes) {
  const tflite::Tensor* const table = tensor.table();
  if (target_of(table, tflite::Tensor::VT_SPARSITY)) return Error::kSparseTensor;
  if (int32_of(table, tflite::Tensor::VT_EXTERNAL_BUFFER) != 0) return Error::kBufferExternal;
  const tflite::Buffer* const buffer = buffer_of(model, table);
  if (!buffer) return Error::kBufferIndex;
  // 0 and 1 both stand for no place outside.
  const uint64_t place =
      scalar_of<uint64_t>(buffer, tflite::Buffer::VT_OFFSET) | scalar_of<uint64_t>(buffer, tflite::Buffer::VT_SIZE);
  if (place > 1) return Error::kBufferExternal;
  if (!tensor.constant()) return Error::kNone;
  if (*vector_at(buffer, tflite::Buffer::VT_DATA) != tensor.count() * element_bytes) return Error::kBufferSize;
  // The file starts at a multiple of kModelAlignment, so the address tells the same everywhere.
  const uintptr_t address = reinterpret_cast<uintptr_t>(tensor.data<uint8_t>());
  return (address & (element_bytes - 1)) == 0 ? Error::kNone : Error::kBufferAlignment;
}

// Zero points have 64 bits in the file: those of this type, and 32 bits at most.
bool fits_type(const Tensor& tensor, uint32_t index, uint32_t element_bytes) {
  const int32_t low = tensor.zero_point_low(index);
  if (tensor.zero_point_high(index) != (low < 0 ? -1 : 0)) return false;
  const uint32_t bits = 8 * element_bytes;
  if (bits >= 32) return true;
  const uint32_t lowest = tensor.type() == TensorType::UINT8 ? 0 : 1u << (bits - 1);
  return (static_cast<uint32_t>(low) + lowest) >> bits == 0;
}

Error check_quantisation(const Tensor& tensor, uint32_t element_bytes) {
  const tflite::QuantizationParameters* const quantisation = tensor.quantisation();
  if (!quantisation) return Error::kNone;
  if (scalar_of<uint8_t>(quantisation, tflite::QuantizationParameters::VT_DETAILS_TYPE) != 0)
    return Error::kQuantisation;
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
    if (!fits_type(tensor, i, element_bytes)) return Error::kQuantisation;
  }
  return Error::kNone;
}

}  // namespace

Error check_tensor(const tflite::Model* model, const Tensor& tensor) {
  const uint32_t element_bytes = element_size(tensor.type());
  ROOST_RETURN_IF_ERROR(check_shape(tensor, element_bytes));
  ROOST_RETURN_IF_ERROR(check_buffer(model, tensor, element_bytes));
  ROOST_RETURN_IF_ERROR(check_quantisation(tensor, element_bytes));
  return tensor.constant() && tensor.variable() ? Error::kVariableTensor : Error::kNone;
}

}  // namespace runtime
}  // namespace roost
