// Reading a model that has passed FlatBuffers verification: the few questions that more than one file asks.
#pragma once

#include "base/span.h"
#include "runtime/schema_generated.h"

namespace roost {
namespace runtime {

// The bytes of a constant; null for a tensor that lives in the arena. The buffer index has been checked.
const uint8_t* constant_data(const tflite::Model* model, const tflite::Tensor* tensor);

// Which builtin operator a code stands for. Old files hold it in a byte, newer ones in 32 bits as well.
tflite::BuiltinOperator builtin_operator(const tflite::OperatorCode* code);

// One zero point. FlatBuffers verification vouches for an alignment of 4 only, and these have 8 bytes.
int64_t zero_point_at(const tflite::QuantizationParameters* quantization, uint32_t index);

// Sizes of vectors that may be absent.
template <typename T>
uint32_t size_of(const flatbuffers::Vector<T>* vector) {
  return vector ? vector->size() : 0;
}

}  // namespace runtime
}  // namespace roost
