#include "runtime/model_view.h"

namespace roost {
namespace runtime {

const uint8_t* field_at(const void* table, flatbuffers::voffset_t field) {
  static const uint64_t kZero = 0;
  const uint8_t* const at = static_cast<const flatbuffers::Table*>(table)->GetAddressOf(field);
  return at ? at : reinterpret_cast<const uint8_t*>(&kZero);
}

int32_t int32_of(const void* table, flatbuffers::voffset_t field, int32_t otherwise) {
  return static_cast<const flatbuffers::Table*>(table)->GetField<int32_t>(field, otherwise);
}

namespace {

// What an offset leads to; from one that is zero, to itself: the size of an empty vector.
const void* follow(const void* offset) {
  return static_cast<const uint8_t*>(offset) + flatbuffers::ReadScalar<uint32_t>(offset);
}

}  // namespace

const void* target_of(const void* table, flatbuffers::voffset_t field) {
  const void* const offset = field_at(table, field);
  const void* const target = follow(offset);
  return target != offset ? target : nullptr;
}

const uint32_t* vector_at(const void* table, flatbuffers::voffset_t field) {
  return static_cast<const uint32_t*>(follow(field_at(table, field)));
}

const void* table_at(const void* table, flatbuffers::voffset_t field, uint32_t index) {
  const uint32_t* const size = vector_at(table, field);
  return index < *size ? follow(size + 1 + index) : nullptr;
}

const tflite::Buffer* buffer_of(const tflite::Model* model, const tflite::Tensor* tensor) {
  return table_of<tflite::Buffer>(model, tflite::Model::VT_BUFFERS,
                                  static_cast<uint32_t>(int32_of(tensor, tflite::Tensor::VT_BUFFER)));
}

const uint8_t* constant_data(const tflite::Model* model, const tflite::Tensor* tensor) {
  const tflite::Buffer* const buffer = buffer_of(model, tensor);
  if (!buffer) return nullptr;  // the gate is about to find out
  const uint32_t* const size = vector_at(buffer, tflite::Buffer::VT_DATA);
  // A variable starts at zero whatever its buffer says; the gate refuses one that has data.
  return *size > 0 ? reinterpret_cast<const uint8_t*>(size + 1) : nullptr;
}

const tflite::OperatorCode* code_of(const tflite::Model* model, const tflite::Operator* op) {
  return table_of<tflite::OperatorCode>(model, tflite::Model::VT_OPERATOR_CODES,
                                        static_cast<uint32_t>(int32_of(op, tflite::Operator::VT_OPCODE_INDEX)));
}

tflite::BuiltinOperator builtin_operator(const tflite::OperatorCode* code) {
  const int32_t old_code = scalar_of<int8_t>(code, tflite::OperatorCode::VT_DEPRECATED_BUILTIN_CODE);
  const int32_t new_code = int32_of(code, tflite::OperatorCode::VT_BUILTIN_CODE);
  return static_cast<tflite::BuiltinOperator>(old_code > new_code ? old_code : new_code);
}

Graph::Graph(const Bytes& model_file, uint32_t index)
    : file(model_file),
      model(tflite::GetModel(model_file.data())),
      subgraph(table_of<tflite::SubGraph>(model, tflite::Model::VT_SUBGRAPHS, index)),
      tensor_count(*vector_at(subgraph, tflite::SubGraph::VT_TENSORS)),
      operator_count(*vector_at(subgraph, tflite::SubGraph::VT_OPERATORS)) {}

const tflite::Tensor* Graph::table(uint32_t index) const {
  const auto* const table = table_of<tflite::Tensor>(subgraph, tflite::SubGraph::VT_TENSORS, index);
  ROOST_ASSERT(table);
  return table;
}

Tensor Graph::tensor(uint32_t index, uint8_t* place) const {
  return Tensor(model, table(index), place);
}

const tflite::Operator* Graph::op(uint32_t index) const {
  const auto* const op = table_of<tflite::Operator>(subgraph, tflite::SubGraph::VT_OPERATORS, index);
  ROOST_ASSERT(op);
  return op;
}

uint32_t graph_count(const tflite::Model* model) {
  return *vector_at(model, tflite::Model::VT_SUBGRAPHS);
}

}  // namespace runtime
}  // namespace roost
