// Reading a model that has passed FlatBuffers verification: the few questions that more than one file asks.
#pragma once

#include "base/span.h"
#include "runtime/schema_generated.h"
#include "runtime/tensor.h"

namespace roost {
namespace runtime {

// A field that is a vector, by its VT_ constant: its size, and behind that its elements. Where it is absent, a size of
// none. One function for all, since the generated accessors ask whether it is there wherever they are used.
const uint32_t* vector_at(const void* table, flatbuffers::voffset_t field);
template <typename T>
const flatbuffers::Vector<T>& vector_of(const void* table, flatbuffers::voffset_t field) {
  return *reinterpret_cast<const flatbuffers::Vector<T>*>(vector_at(table, field));
}
template <typename T>
const flatbuffers::Vector<flatbuffers::Offset<T>>& tables_of(const void* table, flatbuffers::voffset_t field) {
  return vector_of<flatbuffers::Offset<T>>(table, field);
}
inline Span<const int32_t> int32s_of(const void* table, flatbuffers::voffset_t field) {
  const uint32_t* const size = vector_at(table, field);
  return Span<const int32_t>(reinterpret_cast<const int32_t*>(size + 1), *size);
}
// Sizes of vectors that may be absent.
template <typename T>
uint32_t size_of(const flatbuffers::Vector<T>* vector) {
  return vector ? vector->size() : 0;
}

// The bytes of a constant; null for a tensor that lives in the arena.
const uint8_t* constant_data(const tflite::Model* model, const tflite::Tensor* tensor);

// The operator's code, whose index has been checked.
const tflite::OperatorCode* code_of(const tflite::Model* model, const tflite::Operator* op);

// The subgraph that is run.
enum : uint32_t { kMainGraph = 0 };

// One subgraph, looked up once.
class Graph {
 public:
  Graph() = default;
  Graph(const Bytes& model_file, uint32_t index);

  // By index below the counts.
  const tflite::Tensor* table(uint32_t index) const;
  const tflite::Operator* op(uint32_t index) const;
  // What was read of it; `place` as in Tensor.
  Tensor tensor(uint32_t index, uint8_t* place) const { return Tensor(model, table(index), place); }

  Bytes file;
  const tflite::Model* model = nullptr;
  Span<const int32_t> inputs;
  Span<const int32_t> outputs;
  uint32_t tensor_count = 0;
  uint32_t operator_count = 0;

 private:
  Graph(const Bytes& model_file, const tflite::SubGraph* graph);

  const flatbuffers::Vector<flatbuffers::Offset<tflite::Tensor>>* tensors_ = nullptr;
  const flatbuffers::Vector<flatbuffers::Offset<tflite::Operator>>* operators_ = nullptr;
};

// How many there are; at least one after the gate.
uint32_t graph_count(const tflite::Model* model);

// Which builtin operator a code stands for. Old files hold it in a byte, newer ones in 32 bits as well.
tflite::BuiltinOperator builtin_operator(const tflite::OperatorCode* code);

}  // namespace runtime
}  // namespace roost
