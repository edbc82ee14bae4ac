// A .tflite as a plain structure: build it, change any field, and see what the gate says.
//
//   ModelSpec model = chain_model({2, 3}, 4);     // input -> NEG -> NEG -> NEG -> NEG -> output
//   model.graphs[0].tensors[1].shape = {2, -1};
//   AlignedBytes file = build(model);
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/span.h"
#include "runtime/kernel.h"

namespace roost::runtime::testing {

// Bytes that start at a multiple of 16, as a slot in flash does.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(size_t size, uint8_t fill = 0);
  explicit AlignedBytes(Bytes bytes);

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  AlignedBytes(const AlignedBytes& other);
  AlignedBytes& operator=(const AlignedBytes& other);
  ~AlignedBytes();

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

struct TensorSpecification {
  std::vector<int32_t> shape;
  TensorType type = TensorType::INT8;
  uint32_t buffer = 0;
  std::vector<float> scale = {0.5f};
  std::vector<int64_t> zero_point = {0};
  int32_t quantized_dimension = 0;
  uint8_t details_type = 0;
  bool is_variable = false;
  bool sparse = false;
  uint32_t external_buffer = 0;
  std::string name;
};

using OptionsBuilder = std::function<flatbuffers::Offset<tflite::Opaque>(flatbuffers::FlatBufferBuilder&)>;

struct OperatorSpecification {
  uint32_t code = 0;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  uint8_t options_type = 0;
  OptionsBuilder options;
};

struct CodeSpecification {
  BuiltinOperator op = BuiltinOperator::NEG;
  int32_t version = 1;
  std::string custom;
};

struct BufferSpecification {
  std::vector<uint8_t> data;
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct GraphSpecification {
  std::vector<TensorSpecification> tensors;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  std::vector<OperatorSpecification> operators;
};

struct ModelSpec {
  uint32_t version = 3;
  std::vector<CodeSpecification> codes = {CodeSpecification{}};
  std::vector<GraphSpecification> graphs;
  std::vector<BufferSpecification> buffers = {BufferSpecification{}};
};

AlignedBytes build(const ModelSpec& model);

// The options of an operator, as a field of OperatorSpecification: options_of(tflite::CreateConv2DOptions, ...).
template <typename Create, typename... Arguments>
OptionsBuilder options_of(Create create, Arguments... arguments) {
  return [=](flatbuffers::FlatBufferBuilder& builder) {
    return flatbuffers::Offset<tflite::Opaque>(create(builder, arguments...).o);
  };
}

// An input, `length` times NEG, an output; all of one shape. Tensor 0 is the input, tensor i + 1 written by
// operator i.
ModelSpec chain_model(const std::vector<int32_t>& shape, uint32_t length);

}  // namespace roost::runtime::testing
