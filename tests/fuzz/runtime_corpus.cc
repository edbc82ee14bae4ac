// Writes the kept corpus of runtime_model_fuzz: one small sound model per operator and type, built from structures.
//
//   runtime_corpus FOLDER
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#include "tests/runtime/model_builder.h"

namespace {

using namespace roost;
using namespace roost::runtime;
using namespace roost::runtime::testing;

constexpr auto kNone = tflite::ActivationFunctionType::NONE;
constexpr auto kRelu = tflite::ActivationFunctionType::RELU;
constexpr auto kSame = tflite::Padding::SAME;
constexpr auto kValid = tflite::Padding::VALID;

class Model {
 public:
  Model(std::string name, BuiltinOperator op, int32_t version) : name_(std::move(name)) {
    model_.codes = {CodeSpecification{op, version, ""}};
    model_.graphs.emplace_back();
    graph().operators.emplace_back();
  }

  Model& in(const std::vector<int32_t>& shape, TensorType type = TensorType::INT8) {
    const int32_t index = add(shape, type);
    graph().inputs.push_back(index);
    op().inputs.push_back(index);
    return *this;
  }
  Model& constant(const std::vector<int32_t>& shape, TensorType type, std::vector<int32_t> values = {}) {
    const int32_t index = add(shape, type);
    uint32_t count = 1;
    for (const int32_t dim : shape) count *= static_cast<uint32_t>(dim);
    std::vector<uint8_t> data(count * element_size(type), 1);
    for (size_t i = 0; i < values.size(); ++i) std::memcpy(data.data() + 4 * i, &values[i], 4);
    model_.buffers.push_back(BufferSpecification{data});
    graph().tensors.back().buffer = static_cast<uint32_t>(model_.buffers.size() - 1);
    op().inputs.push_back(index);
    return *this;
  }
  Model& variable(const std::vector<int32_t>& shape, TensorType type) {
    op().inputs.push_back(add(shape, type));
    graph().tensors.back().is_variable = true;
    return *this;
  }
  Model& per_channel(size_t tensor, int32_t dimension) {
    TensorSpecification& t = graph().tensors[tensor];
    t.scale.assign(static_cast<size_t>(t.shape[static_cast<size_t>(dimension)]), 0.25f);
    t.zero_point.assign(t.scale.size(), 0);
    t.quantized_dimension = dimension;
    return *this;
  }
  Model& out(const std::vector<int32_t>& shape, TensorType type = TensorType::INT8) {
    const int32_t index = add(shape, type);
    graph().outputs.push_back(index);
    op().outputs.push_back(index);
    return *this;
  }
  Model& quantised_out(float scale, int64_t zero_point) {
    graph().tensors.back().scale = {scale};
    graph().tensors.back().zero_point = {zero_point};
    return *this;
  }
  template <typename Options, typename Create, typename... Arguments>
  Model& options(Create create, Arguments... arguments) {
    op().options_type = options_kind<Options>()->number;
    op().options = options_of(create, arguments...);
    return *this;
  }

  // A model that the gate refuses would be of little use to the fuzzer: that is an error here.
  bool write(const std::filesystem::path& folder) const {
    const AlignedBytes file = build(model_);
    GateInput input;
    input.kernels = all_kernels();
    std::vector<uint8_t> scratch(4096);
    Interpreter interpreter(input);
    if (!interpreter.measure(Bytes(file.data(), file.size()), scratch).ok()) {
      char text[200];
      describe(interpreter.report(), text);
      std::fprintf(stderr, "%s: %s\n", name_.c_str(), text);
      return false;
    }
    std::ofstream(folder / (name_ + ".tflite"), std::ios::binary)
        .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
    return true;
  }

 private:
  GraphSpecification& graph() { return model_.graphs[0]; }
  OperatorSpecification& op() { return graph().operators[0]; }
  int32_t add(const std::vector<int32_t>& shape, TensorType type) {
    TensorSpecification tensor;
    tensor.shape = shape;
    tensor.type = type;
    graph().tensors.push_back(tensor);
    return static_cast<int32_t>(graph().tensors.size() - 1);
  }

  std::string name_;
  ModelSpec model_;
};

constexpr TensorType kInt8 = TensorType::INT8;
constexpr TensorType kInt16 = TensorType::INT16;
constexpr TensorType kInt32 = TensorType::INT32;
constexpr TensorType kFloat = TensorType::FLOAT32;

std::vector<Model> convolutions() {
  using tflite::Conv2DOptions;
  using tflite::DepthwiseConv2DOptions;
  using tflite::FullyConnectedOptions;
  std::vector<Model> models;
  for (const bool real : {false, true}) {
    const TensorType type = real ? kFloat : kInt8;
    const TensorType bias = real ? kFloat : kInt32;
    const std::string suffix = real ? "_float" : "_int8";
    models.push_back(Model("conv" + suffix, BuiltinOperator::CONV_2D, 3)
                         .in({1, 5, 4, 2}, type)
                         .constant({3, 3, 2, 2}, type)
                         .constant({3}, bias)
                         .out({1, 5, 4, 3}, type)
                         .options<Conv2DOptions>(tflite::CreateConv2DOptions, kSame, 1, 1, kRelu, 1, 1, kFloat));
    if (!real) models.back().per_channel(1, 0);
    models.push_back(
        Model("depthwise" + suffix, BuiltinOperator::DEPTHWISE_CONV_2D, 3)
            .in({1, 5, 4, 2}, type)
            .constant({1, 3, 2, 4}, type)
            .constant({4}, bias)
            .out({1, 3, 3, 4}, type)
            .options<DepthwiseConv2DOptions>(tflite::CreateDepthwiseConv2DOptions, kValid, 1, 1, 2, kNone, 1, 1));
    if (!real) models.back().per_channel(1, 3);
    models.push_back(Model("fully_connected" + suffix, BuiltinOperator::FULLY_CONNECTED, 4)
                         .in({2, 6}, type)
                         .constant({3, 6}, type)
                         .constant({3}, bias)
                         .out({2, 3}, type)
                         .options<FullyConnectedOptions>(tflite::CreateFullyConnectedOptions, kRelu,
                                                         tflite::FullyConnectedWeightsFormat::DEFAULT, false, false,
                                                         kFloat));
  }
  return models;
}

std::vector<Model> poolings() {
  using tflite::Pool2DOptions;
  std::vector<Model> models;
  for (const TensorType type : {kInt8, kFloat}) {
    const std::string suffix = type == kFloat ? "_float" : "_int8";
    models.push_back(Model("average_pool" + suffix, BuiltinOperator::AVERAGE_POOL_2D, 2)
                         .in({1, 4, 4, 2}, type)
                         .out({1, 2, 2, 2}, type)
                         .options<Pool2DOptions>(tflite::CreatePool2DOptions, kValid, 2, 2, 2, 2, kNone));
    models.push_back(Model("max_pool" + suffix, BuiltinOperator::MAX_POOL_2D, 2)
                         .in({1, 4, 4, 2}, type)
                         .out({1, 2, 2, 2}, type)
                         .options<Pool2DOptions>(tflite::CreatePool2DOptions, kSame, 2, 2, 3, 3, kRelu));
    models.push_back(Model("mean" + suffix, BuiltinOperator::MEAN, 2)
                         .in({1, 4, 4, 2}, type)
                         .constant({2}, kInt32, {1, 2})
                         .out({1, 2}, type)
                         .options<tflite::ReducerOptions>(tflite::CreateReducerOptions, false));
  }
  return models;
}

std::vector<Model> elementwise() {
  std::vector<Model> models;
  for (const TensorType type : {kInt8, kInt16, kFloat}) {
    const std::string suffix = type == kFloat ? "_float" : type == kInt8 ? "_int8" : "_int16";
    models.push_back(Model("add" + suffix, BuiltinOperator::ADD, 1)
                         .in({2, 3}, type)
                         .in({1, 3}, type)
                         .out({2, 3}, type)
                         .options<tflite::AddOptions>(tflite::CreateAddOptions, kNone, false));
    models.push_back(Model("mul" + suffix, BuiltinOperator::MUL, 1)
                         .in({2, 3}, type)
                         .in({2, 3}, type)
                         .out({2, 3}, type)
                         .options<tflite::MulOptions>(tflite::CreateMulOptions, kNone));
    if (type == kInt16) continue;
    for (const auto op : {BuiltinOperator::RELU, BuiltinOperator::RELU6}) {
      const int32_t version = type == kInt8 ? 2 : 1;
      models.push_back(
          Model(tflite::EnumNameBuiltinOperator(op) + suffix, op, version).in({7}, type).out({7}, type));
    }
    models.push_back(Model("logistic" + suffix, BuiltinOperator::LOGISTIC, 2)
                         .in({7}, type)
                         .out({7}, type)
                         .quantised_out(1.0f / 256, -128));
    models.push_back(Model("softmax" + suffix, BuiltinOperator::SOFTMAX, 2)
                         .in({2, 5}, type)
                         .out({2, 5}, type)
                         .quantised_out(1.0f / 256, -128)
                         .options<tflite::SoftmaxOptions>(tflite::CreateSoftmaxOptions, 1.0f));
  }
  models.push_back(Model("quantize", BuiltinOperator::QUANTIZE, 1).in({6}, kFloat).out({6}, kInt8));
  models.push_back(Model("requantize", BuiltinOperator::QUANTIZE, 1).in({6}, kInt16).out({6}, kInt8));
  models.push_back(Model("dequantize", BuiltinOperator::DEQUANTIZE, 2).in({6}, kInt8).out({6}, kFloat));
  return models;
}

std::vector<Model> movements() {
  std::vector<Model> models;
  models.push_back(
      Model("reshape", BuiltinOperator::RESHAPE, 1).in({2, 6}).constant({2}, kInt32, {3, 4}).out({3, 4}));
  models.push_back(
      Model("pad", BuiltinOperator::PAD, 2).in({2, 3}).constant({2, 2}, kInt32, {1, 0, 2, 1}).out({3, 6}));
  models.push_back(Model("concatenation", BuiltinOperator::CONCATENATION, 2)
                       .in({2, 3})
                       .in({2, 1})
                       .out({2, 4})
                       .options<tflite::ConcatenationOptions>(tflite::CreateConcatenationOptions, 1, kNone));
  models.push_back(
      Model("strided_slice", BuiltinOperator::STRIDED_SLICE, 2)
          .in({4, 6})
          .constant({2}, kInt32, {1, 5})
          .constant({2}, kInt32, {4, 0})
          .constant({2}, kInt32, {2, -2})
          .out({2, 3})
          .options<tflite::StridedSliceOptions>(tflite::CreateStridedSliceOptions, 0, 0, 0, 0, 0, false));
  models.push_back(Model("svdf", BuiltinOperator::SVDF, 3)
                       .in({1, 4})
                       .constant({4, 4}, kInt8)
                       .constant({4, 3}, kInt16)
                       .constant({2}, kInt32)
                       .variable({1, 12}, kInt16)
                       .out({1, 2})
                       .options<tflite::SVDFOptions>(tflite::CreateSVDFOptions, 2, kRelu, false));
  return models;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  bool good = true;
  for (const auto& family : {convolutions(), poolings(), elementwise(), movements()}) {
    for (const Model& model : family) good = model.write(folder) && good;
  }
  return good ? 0 : 1;
}
