// One tensor of a model: its type, shape and quantisation as they stand in the file, and where its bytes are.
//
// A Tensor is a small view, made when asked for and passed by value. It borrows the model and the arena. The gate
// has checked all that is read here, so the functions cannot fail; what they rely on is said at each.
//
//   Tensor input = op.input(0);
//   const int8_t* values = input.data<int8_t>();
//   for (uint32_t i = 0; i < input.count(); ++i) ...
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/schema_generated.h"

namespace roost {
namespace runtime {

using tflite::TensorType;

// Models start at a multiple of this in memory, and so do arenas and every tensor in them.
enum : uint32_t { kModelAlignment = 16, kArenaAlignment = 16 };

// No tensor has more dimensions.
enum : uint32_t { kRankMax = 6 };

// No tensor is larger, so that sums of a few sizes and differences of indices fit 32 bits with a sign.
enum : uint32_t { kTensorBytesMax = 1u << 28 };

// Bytes per element; 0 for the types we do not handle (strings, half bytes, ...).
uint32_t element_size(TensorType type);

// A set of types as bits, as in Kernel::types.
constexpr uint32_t type_bit(TensorType type) {
  return 1u << static_cast<unsigned>(type);
}

class Tensor {
 public:
  Tensor() : table_(nullptr), data_(nullptr), constant_(false) {}
  Tensor(const tflite::Tensor* table, uint8_t* data, bool constant)
      : table_(table), data_(data), constant_(constant) {}

  TensorType type() const { return table_->type(); }

  // A scalar has rank 0 and one element. Dimensions are at least 1.
  uint32_t rank() const { return table_->shape() ? table_->shape()->size() : 0; }
  int32_t dim(uint32_t index) const { return table_->shape()->Get(index); }
  Span<const int32_t> shape() const;
  uint32_t count() const;  // elements; the gate has shown that neither this nor bytes() overflows
  uint32_t bytes() const { return count() * element_size(type()); }

  bool constant() const { return constant_; }
  bool variable() const { return table_->is_variable(); }

  // scale_count() is 0 (not quantised), 1 (per tensor) or dim(quantized_dimension()) (per channel). Scales are
  // finite, positive and normal; zero points fit the type (int32 for int32 and wider). Index < scale_count(). Of
  // floats and of constants of 32 bits and more (biases, whose scale is the product of two others) it is always 0.
  uint32_t scale_count() const;
  float scale(uint32_t index = 0) const { return table_->quantization()->scale()->Get(index); }
  int32_t zero_point(uint32_t index = 0) const;
  int32_t quantized_dimension() const { return table_->quantization()->quantized_dimension(); }
  bool per_tensor() const { return scale_count() == 1; }

  // The bytes: of constants always; of the others null while the gate judges (Kernel::prepare says when). The
  // gate has checked the length, and the alignment for the element type.
  template <typename T>
  const T* data() const {
    return reinterpret_cast<const T*>(data_);
  }
  // Only for outputs and variables: whoever writes to a constant writes into the model.
  template <typename T>
  T* mutable_data() const {
    ROOST_ASSERT(!constant_);
    return reinterpret_cast<T*>(data_);
  }

  const tflite::Tensor* table() const { return table_; }

 private:
  const tflite::Tensor* table_;
  uint8_t* data_;
  bool constant_;
};

// Same dimensions in the same order.
bool same_shape(const Tensor& a, const Tensor& b);

}  // namespace runtime
}  // namespace roost
