#include "runtime/model_view.h"

namespace roost {
namespace runtime {

const uint8_t* constant_data(const tflite::Model* model, const tflite::Tensor* tensor) {
  const uint32_t index = tensor->buffer();
  if (index >= size_of(model->buffers())) return nullptr;  // the gate is about to find out
  const auto* data = model->buffers()->Get(index)->data();
  // A variable starts at zero whatever its buffer says; the gate refuses one that has data.
  return size_of(data) > 0 ? data->data() : nullptr;
}

const tflite::OperatorCode* code_of(const tflite::Model* model, const tflite::Operator* op) {
  return model->operator_codes()->Get(op->opcode_index());
}

tflite::BuiltinOperator builtin_operator(const tflite::OperatorCode* code) {
  const int32_t old_code = code->deprecated_builtin_code();
  const int32_t new_code = static_cast<int32_t>(code->builtin_code());
  return static_cast<tflite::BuiltinOperator>(old_code > new_code ? old_code : new_code);
}

Graph::Graph(const Bytes& model_file, uint32_t index)
    : file(model_file), model(tflite::GetModel(model_file.data())) {
  const tflite::SubGraph* graph = model->subgraphs()->Get(index);
  inputs = int32s_of(graph, tflite::SubGraph::VT_INPUTS);
  outputs = int32s_of(graph, tflite::SubGraph::VT_OUTPUTS);
  tensors_ = graph->tensors();
  tensor_count = size_of(tensors_);
  operators_ = graph->operators();
  operator_count = size_of(operators_);
}

const tflite::Tensor* Graph::table(uint32_t index) const {
  return tensors_->Get(index);
}

const tflite::Operator* Graph::op(uint32_t index) const {
  return operators_->Get(index);
}

uint32_t graph_count(const tflite::Model* model) {
  return size_of(model->subgraphs());
}

Span<const int32_t> int32s_of(const void* table, flatbuffers::voffset_t field) {
  using Numbers = flatbuffers::Vector<int32_t>;
  const auto* numbers = static_cast<const flatbuffers::Table*>(table)->GetPointer<const Numbers*>(field);
  return size_of(numbers) > 0 ? Span<const int32_t>(numbers->data(), numbers->size()) : Span<const int32_t>();
}

}  // namespace runtime
}  // namespace roost
