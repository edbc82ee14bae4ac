// Reading a model that has passed FlatBuffers verification: the few questions that more than one file asks.
#pragma once

#include "base/span.h"
#include "runtime/schema_generated.h"
#include "runtime/tensor.h"

namespace roost {
namespace runtime {

// A field by its VT_ constant, where it lies: eight bytes of zero where it is absent, which is what stands for most
// fields then. One function for all, since the generated accessors ask whether a field is there wherever they are used.
const uint8_t* field_at(const void* table, flatbuffers::voffset_t field);
template <typename T>
T scalar_of(const void* table, flatbuffers::voffset_t field) {
  return flatbuffers::ReadScalar<T>(field_at(table, field));
}

// A field of 32 bits, or what it is where it is absent.
int32_t int32_of(const void* table, flatbuffers::voffset_t field, int32_t otherwise = 0);

// What a field of a table or a string points to; null where it is absent.
const void* target_of(const void* table, flatbuffers::voffset_t field);

// A field that is a vector: its size, and behind that its elements. Where it is absent, a size of none.
const uint32_t* vector_at(const void* table, flatbuffers::voffset_t field);
inline Numbers numbers_of(const void* table, flatbuffers::voffset_t field) {
  return Numbers(vector_at(table, field));
}

// A table out of a field that is a vector of them; null beyond its end.
const void* table_at(const void* table, flatbuffers::voffset_t field, uint32_t index);
template <typename T>
const T* table_of(const void* table, flatbuffers::voffset_t field, uint32_t index) {
  return static_cast<const T*>(table_at(table, field, index));
}

// Sizes of vectors that may be absent.
template <typename T>
uint32_t size_of(const flatbuffers::Vector<T>* vector) {
  return vector ? vector->size() : 0;
}

// Where a tensor's data is, if it has any; null for an index that no buffer has.
const tflite::Buffer* buffer_of(const tflite::Model* model, const tflite::Tensor* tensor);

// The bytes of a constant; null for a tensor that lives in the arena.
const uint8_t* constant_data(const tflite::Model* model, const tflite::Tensor* tensor);

// The operator's code; null for an index that no code has, which the gate refuses.
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
  Tensor tensor(uint32_t index, uint8_t* place) const;

  // Tensors' indices.
  Numbers inputs() const { return numbers_of(subgraph, tflite::SubGraph::VT_INPUTS); }
  Numbers outputs() const { return numbers_of(subgraph, tflite::SubGraph::VT_OUTPUTS); }

  Bytes file;
  const tflite::Model* model = nullptr;
  const tflite::SubGraph* subgraph = nullptr;
  uint32_t tensor_count = 0;
  uint32_t operator_count = 0;
};

// How many there are; at least one after the gate.
uint32_t graph_count(const tflite::Model* model);

// Which builtin operator a code stands for. Old files hold it in a byte, newer ones in 32 bits as well.
tflite::BuiltinOperator builtin_operator(const tflite::OperatorCode* code);

}  // namespace runtime
}  // namespace roost
