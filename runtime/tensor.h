// One tensor of a model: its type, shape and quantisation as they stand in the file, and where its bytes are.
//
// A Tensor is a view, made when asked for and passed by reference. It borrows the model and the arena. The gate has
// checked all that is read here, so the functions cannot fail; what they rely on is said at each.
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

// Numbers of 32 bits where they lie in the file: how many, and behind that the numbers.
class Numbers {
 public:
  Numbers();  // none
  explicit Numbers(const uint32_t* count) : count_(count) {}

  uint32_t size() const { return *count_; }
  bool empty() const { return size() == 0; }
  const int32_t* data() const { return reinterpret_cast<const int32_t*>(count_ + 1); }
  const int32_t* begin() const { return data(); }
  const int32_t* end() const { return data() + size(); }
  int32_t operator[](uint32_t index) const {
    ROOST_ASSERT(index < size());
    return data()[index];
  }

 private:
  const uint32_t* count_;
};

class Tensor {
 public:
  // Reads the tensor's tables, once. `place` is where its bytes are if it is no constant.
  Tensor(const tflite::Model* model, const tflite::Tensor* table, uint8_t* place);

  TensorType type() const { return type_; }

  // A scalar has rank 0 and one element. Dimensions are at least 1.
  uint32_t rank() const { return shape_.size(); }
  int32_t dim(uint32_t index) const;
  Numbers shape() const { return shape_; }
  uint32_t count() const { return count_; }  // elements; the gate has shown that neither this nor bytes() overflows
  uint32_t bytes() const;

  bool constant() const { return constant_; }
  bool variable() const;

  // scale_count() is 0 (not quantised), 1 (per tensor) or dim(quantized_dimension()) (per channel). Scales are
  // finite, positive and normal; zero points fit the type (int32 for int32 and wider). Index < scale_count(). Of
  // floats and of constants of 32 bits and more (biases, whose scale is the product of two others) it is always 0.
  uint32_t scale_count() const { return scales_.size(); }
  float scale(uint32_t index = 0) const;
  int32_t zero_point(uint32_t index = 0) const;
  uint32_t zero_point_count() const { return zero_points_.size(); }  // perhaps none, perhaps one for all channels
  // As it stands in the file, in 64 bits; index < zero_point_count().
  int32_t zero_point_low(uint32_t index) const { return zero_points_.data()[2 * index]; }
  int32_t zero_point_high(uint32_t index) const { return zero_points_.data()[2 * index + 1]; }
  int32_t quantized_dimension() const;  // of a tensor with scales
  bool per_tensor() const { return scales_.size() == 1; }
  // As it stands in the file; null where it means nothing: of floats, indices and biases, whose parameters converters
  // leave in all kinds of states.
  const tflite::QuantizationParameters* quantisation() const;
  const tflite::Tensor* table() const { return table_; }

  // The bytes: of constants always; of the others null while the gate judges. The
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

 private:
  const tflite::Tensor* table_;
  Numbers shape_;
  Numbers scales_;       // their bits
  Numbers zero_points_;  // two each, counted as one: FlatBuffers verification vouches for an alignment of 4 only
  uint8_t* data_;
  uint32_t count_ = 1;
  TensorType type_;
  bool constant_;
};

// Same dimensions in the same order.
bool same_shape(const Tensor& a, const Tensor& b);

}  // namespace runtime
}  // namespace roost
