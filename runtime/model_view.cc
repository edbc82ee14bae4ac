#include "runtime/model_view.h"

namespace roost {
namespace runtime {

const uint32_t* vector_at(const void* table, flatbuffers::voffset_t field) {
  static const uint32_t kNone = 0;
  const auto* size = static_cast<const flatbuffers::Table*>(table)->GetPointer<const uint32_t*>(field);
  return size ? size : &kNone;
}

const uint8_t* constant_data(const tflite::Model* model, const tflite::Tensor* tensor) {
  const auto& buffers = tables_of<tflite::Buffer>(model, tflite::Model::VT_BUFFERS);
  const uint32_t index = tensor->buffer();
  if (index >= buffers.size()) return nullptr;  // the gate is about to find out
  const auto& data = vector_of<uint8_t>(buffers.Get(index), tflite::Buffer::VT_DATA);
  // A variable starts at zero whatever its buffer says; the gate refuses one that has data.
  return data.size() > 0 ? data.data() : nullptr;
}

const tflite::OperatorCode* code_of(const tflite::Model* model, const tflite::Operator* op) {
  return tables_of<tflite::OperatorCode>(model, tflite::Model::VT_OPERATOR_CODES).Get(op->opcode_index());
}

tflite::BuiltinOperator builtin_operator(const tflite::OperatorCode* code) {
  const int32_t old_code = code->deprecated_builtin_code();
  const int32_t new_code = static_cast<int32_t>(code->builtin_code());
  return static_cast<tflite::BuiltinOperator>(old_code > new_code ? old_code : new_code);
}

Graph::Graph(const Bytes& model_file, uint32_t index)
    : Graph(model_file,
            tables_of<tflite::SubGraph>(tflite::GetModel(model_file.data()), tflite::Model::VT_SUBGRAPHS)
                .Get(index)) {}

inline Graph::Graph(const Bytes& model_file, const tflite::SubGraph* graph)
    : file(model_file),
      model(tflite::GetModel(model_file.data())),
      inputs(int32s_of(graph, tflite::SubGraph::VT_INPUTS)),
      outputs(int32s_of(graph, tflite::SubGraph::VT_OUTPUTS)),
      tensors_(&tables_of<tflite::Tensor>(graph, tflite::SubGraph::VT_TENSORS)),
      operators_(&tables_of<tflite::Operator>(graph, tflite::SubGraph::VT_OPERATORS)) {
  tensor_count = tensors_->size();
  operator_count = operators_->size();
}

const tflite::Tensor* Graph::table(uint32_t index) const {
  return tensors_->Get(index);
}

const tflite::Operator* Graph::op(uint32_t index) const {
  return operators_->Get(index);
}

uint32_t graph_count(const tflite::Model* model) {
  return tables_of<tflite::SubGraph>(model, tflite::Model::VT_SUBGRAPHS).size();
}

}  // namespace runtime
}  // namespace roost
