// Reading a model that has passed FlatBuffers verification: the few questions that more than one file asks.
#pragma once

#include "base/span.h"
#include "runtime/schema_generated.h"
#include "runtime/tensor.h"

namespace roost {
namespace runtime {

// The bytes of a constant; null for a tensor that lives in the arena.
const uint8_t* constant_data(const tflite::Model* model, const tflite::Tensor* tensor);

// The operator's code, whose index has been checked.
const tflite::OperatorCode* code_of(const tflite::Model* model, const tflite::Operator* op);

// One subgraph, looked up once.
class Graph {
 public:
  Graph(const Bytes& model_file, uint32_t index);

  // By index below the counts.
  const tflite::Tensor* table(uint32_t index) const;
  const tflite::Operator* op(uint32_t index) const;
  // What was read of it; `place` as in Tensor.
  Tensor tensor(uint32_t index, uint8_t* place) const { return Tensor(model, table(index), place); }

  Bytes file;
  const tflite::Model* model;
  Span<const int32_t> inputs;
  Span<const int32_t> outputs;
  uint32_t tensor_count;
  uint32_t operator_count;

 private:
  const flatbuffers::Vector<flatbuffers::Offset<tflite::Tensor>>* tensors_;
  const flatbuffers::Vector<flatbuffers::Offset<tflite::Operator>>* operators_;
};

// How many there are; at least one after the gate.
uint32_t graph_count(const tflite::Model* model);

// Which builtin operator a code stands for. Old files hold it in a byte, newer ones in 32 bits as well.
tflite::BuiltinOperator builtin_operator(const tflite::OperatorCode* code);

// A field that holds 32-bit numbers, by its VT_ constant; where it is absent there are none.
Span<const int32_t> int32s_of(const void* table, flatbuffers::voffset_t field);

// Sizes of vectors that may be absent.
template <typename T>
uint32_t size_of(const flatbuffers::Vector<T>* vector) {
  return vector ? vector->size() : 0;
}

}  // namespace runtime
}  // namespace roost
