#include "tests/runtime/model_builder.h"

#include <cstring>
#include <new>

namespace roost::runtime::testing {

AlignedBytes::AlignedBytes(size_t size, uint8_t fill)
    : data_(static_cast<uint8_t*>(::operator new(size, std::align_val_t(16)))), size_(size) {
  std::memset(data_, fill, size);
}

AlignedBytes::AlignedBytes(Bytes bytes) : AlignedBytes(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data_, bytes.data(), bytes.size());
}

AlignedBytes::AlignedBytes(const AlignedBytes& other) : AlignedBytes(Bytes(other.data_, other.size_)) {}

AlignedBytes& AlignedBytes::operator=(const AlignedBytes& other) {
  AlignedBytes copy(other);
  std::swap(data_, copy.data_);
  std::swap(size_, copy.size_);
  return *this;
}

AlignedBytes::~AlignedBytes() {
  ::operator delete(data_, std::align_val_t(16));
}

namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

Offset<tflite::Opaque> opaque(FlatBufferBuilder& builder, bool present) {
  return present ? tflite::CreateOpaque(builder) : Offset<tflite::Opaque>();
}

Offset<tflite::Tensor> build_tensor(FlatBufferBuilder& builder, const TensorSpecification& tensor) {
  const auto details = opaque(builder, tensor.details_type != 0);
  const auto scale = builder.CreateVector(tensor.scale);
  const auto zero_point = builder.CreateVector(tensor.zero_point);
  const auto quantization = tflite::CreateQuantizationParameters(builder, scale, zero_point, tensor.details_type,
                                                                 details, tensor.quantized_dimension);
  const auto sparsity = opaque(builder, tensor.sparse);
  const auto name = builder.CreateString(tensor.name);
  const auto shape = builder.CreateVector(tensor.shape);
  return tflite::CreateTensor(builder, shape, tensor.type, tensor.buffer, name, quantization, tensor.is_variable,
                              sparsity, tensor.external_buffer);
}

Offset<tflite::Operator> build_operator(FlatBufferBuilder& builder, const OperatorSpecification& op) {
  const auto options = op.options ? op.options(builder) : Offset<tflite::Opaque>();
  const auto inputs = builder.CreateVector(op.inputs);
  const auto outputs = builder.CreateVector(op.outputs);
  return tflite::CreateOperator(builder, op.code, inputs, outputs, op.options_type, options);
}

Offset<tflite::SubGraph> build_graph(FlatBufferBuilder& builder, const GraphSpecification& graph) {
  std::vector<Offset<tflite::Tensor>> tensors;
  for (const auto& tensor : graph.tensors) tensors.push_back(build_tensor(builder, tensor));
  std::vector<Offset<tflite::Operator>> operators;
  for (const auto& op : graph.operators) operators.push_back(build_operator(builder, op));
  const auto tensor_vector = builder.CreateVector(tensors);
  const auto inputs = builder.CreateVector(graph.inputs);
  const auto outputs = builder.CreateVector(graph.outputs);
  const auto operator_vector = builder.CreateVector(operators);
  return tflite::CreateSubGraph(builder, tensor_vector, inputs, outputs, operator_vector);
}

Offset<tflite::OperatorCode> build_code(FlatBufferBuilder& builder, const CodeSpecification& code) {
  const auto custom = code.custom.empty() ? Offset<flatbuffers::String>() : builder.CreateString(code.custom);
  const auto number = static_cast<int32_t>(code.op);
  const auto old_number = static_cast<int8_t>(number < 127 ? number : 127);
  return tflite::CreateOperatorCode(builder, old_number, custom, code.version, code.op);
}

Offset<tflite::Buffer> build_buffer(FlatBufferBuilder& builder, const BufferSpecification& buffer) {
  Offset<flatbuffers::Vector<uint8_t>> data;
  if (!buffer.data.empty()) {
    builder.ForceVectorAlignment(buffer.data.size(), 1, 16);
    data = builder.CreateVector(buffer.data);
  }
  return tflite::CreateBuffer(builder, data, buffer.offset, buffer.size);
}

}  // namespace

AlignedBytes build(const ModelSpec& model) {
  FlatBufferBuilder builder;
  std::vector<Offset<tflite::OperatorCode>> codes;
  for (const auto& code : model.codes) codes.push_back(build_code(builder, code));
  std::vector<Offset<tflite::SubGraph>> graphs;
  for (const auto& graph : model.graphs) graphs.push_back(build_graph(builder, graph));
  std::vector<Offset<tflite::Buffer>> buffers;
  for (const auto& buffer : model.buffers) buffers.push_back(build_buffer(builder, buffer));
  const auto code_vector = builder.CreateVector(codes);
  const auto graph_vector = builder.CreateVector(graphs);
  const auto buffer_vector = builder.CreateVector(buffers);
  tflite::FinishModelBuffer(
      builder, tflite::CreateModel(builder, model.version, code_vector, graph_vector, 0, buffer_vector));
  return AlignedBytes(Bytes(builder.GetBufferPointer(), builder.GetSize()));
}

ModelSpec chain_model(const std::vector<int32_t>& shape, uint32_t length) {
  GraphSpecification graph;
  for (uint32_t i = 0; i <= length; ++i) {
    TensorSpecification tensor;
    tensor.shape = shape;
    tensor.name = "t" + std::to_string(i);
    graph.tensors.push_back(tensor);
  }
  for (uint32_t i = 0; i < length; ++i) {
    OperatorSpecification op;
    op.inputs = {static_cast<int32_t>(i)};
    op.outputs = {static_cast<int32_t>(i + 1)};
    graph.operators.push_back(op);
  }
  graph.inputs = {0};
  graph.outputs = {static_cast<int32_t>(length)};
  ModelSpec model;
  model.graphs = {graph};
  return model;
}

}  // namespace roost::runtime::testing
