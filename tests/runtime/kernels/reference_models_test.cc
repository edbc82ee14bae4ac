// Proves that inference gives the bytes TensorFlow Lite Micro's reference kernels give, operator by operator, on
// real models: integers exactly, floats within their rounding. The folder of models holds index.json, NAME.tflite,
// inputs NAME.sN.in.bin, outputs of fresh interpreters NAME.sN.out.bin, outputs of one interpreter fed all inputs
// NAME.seq.out.bin, and a CRC-32 of every operator's output NAME.s1.trace.json.
#include <gtest/gtest.h>
#include <math.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "base/crc.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#include "tests/runtime/model_builder.h"

namespace roost::runtime {
namespace {

using nlohmann::json;
using testing::AlignedBytes;

std::filesystem::path folder() {
  const char* given = std::getenv("ROOST_MODELS");
  return given ? given : ROOST_DEFAULT_MODELS;
}

std::vector<uint8_t> read_file(const std::string& name) {
  std::ifstream file(folder() / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The operators this folder has kernels for.
bool has_kernels(const json& model) {
  static const std::set<std::string> kOperators = {"ADD",
                                                   "AVERAGE_POOL_2D",
                                                   "CONCATENATION",
                                                   "CONV_2D",
                                                   "DEPTHWISE_CONV_2D",
                                                   "DEQUANTIZE",
                                                   "FULLY_CONNECTED",
                                                   "MEAN",
                                                   "LOGISTIC",
                                                   "MAX_POOL_2D",
                                                   "MUL",
                                                   "PAD",
                                                   "PADV2",
                                                   "QUANTIZE",
                                                   "RELU",
                                                   "RELU6",
                                                   "RESHAPE",
                                                   "SOFTMAX",
                                                   "STRIDED_SLICE",
                                                   "SVDF"};
  for (const auto& [name, count] : model.at("ops").items()) {
    if (kOperators.count(name.substr(0, name.find('@'))) == 0) return false;
  }
  return true;
}

struct Traced {
  BuiltinOperator op;
  TensorType type;
  uint32_t crc;
};

class Trace final : public OperatorObserver {
 public:
  void on_operator(uint32_t, BuiltinOperator op, const OperatorView& view) override {
    const Tensor output = view.output(0);
    entries.push_back({op, output.type(), crc32(0, Bytes(output.data<uint8_t>(), output.bytes()))});
  }
  std::vector<Traced> entries;
};

// One model, prepared once; fresh() starts over.
class ModelRun {
 public:
  explicit ModelRun(const std::string& name)
      : file_(Bytes(read_file(name + ".tflite"))), arena_(8u << 20), scratch_(64u << 10), engine_(input()) {
    const Status status = engine_.prepare(file_, arena_, scratch_);
    char text[200];
    describe(engine_.report(), Span<char>(text));
    EXPECT_TRUE(status.ok()) << name << ": " << text;
    ready_ = status.ok();
  }

  bool ready() const { return ready_; }
  TensorType output_type() { return engine_.output(0).type; }

  // All inputs one after the other, all outputs one after the other.
  std::vector<uint8_t> infer(const std::vector<uint8_t>& values, Trace* trace = nullptr) {
    size_t offset = 0;
    for (uint32_t i = 0; i < engine_.input_count(); ++i) {
      const MutableBytes input = engine_.input(i).bytes;
      EXPECT_LE(offset + input.size(), values.size());
      std::copy_n(values.begin() + static_cast<ptrdiff_t>(offset), input.size(), input.begin());
      offset += input.size();
    }
    EXPECT_EQ(offset, values.size());
    engine_.observe(trace);
    EXPECT_TRUE(engine_.invoke().ok());
    std::vector<uint8_t> outputs;
    for (uint32_t i = 0; i < engine_.output_count(); ++i) {
      const MutableBytes output = engine_.output(i).bytes;
      outputs.insert(outputs.end(), output.begin(), output.end());
    }
    return outputs;
  }

  void fresh() { EXPECT_TRUE(engine_.reset().ok()); }

 private:
  static GateInput input() {
    GateInput input;
    input.kernels = all_kernels();
    return input;
  }

  AlignedBytes file_;
  AlignedBytes arena_;
  AlignedBytes scratch_;
  Interpreter engine_;
  bool ready_ = false;
};

void expect_close(const std::vector<uint8_t>& actual, const std::vector<uint8_t>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); i += sizeof(float)) {
    float a, b;
    memcpy(&a, &actual[i], sizeof a);
    memcpy(&b, &expected[i], sizeof b);
    ASSERT_NEAR(a, b, 1e-6f + 1e-5f * fabsf(b)) << "value " << i / sizeof(float);
  }
}

void expect_outputs(const std::vector<uint8_t>& actual, const std::vector<uint8_t>& expected, TensorType type) {
  if (type == TensorType::FLOAT32) {
    expect_close(actual, expected);
  } else {
    EXPECT_EQ(actual, expected);
  }
}

void expect_trace(const std::string& name, const Trace& trace) {
  const std::vector<uint8_t> text = read_file(name + ".s1.trace.json");
  const json expected = json::parse(text.begin(), text.end());
  ASSERT_EQ(trace.entries.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    if (trace.entries[i].type == TensorType::FLOAT32) continue;
    const uint32_t crc = static_cast<uint32_t>(std::stoul(expected[i].at("crc32").get<std::string>(), nullptr, 16));
    EXPECT_EQ(trace.entries[i].crc, crc) << "operator " << i << " " << expected[i].at("op");
  }
}

class ReferenceModels : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(folder() / "index.json")) {
      GTEST_SKIP() << "skipped: no models in " << folder() << "; set ROOST_MODELS";
    }
    const std::vector<uint8_t> text = read_file("index.json");
    const json index = json::parse(text.begin(), text.end());
    for (const json& model : index.at("models")) {
      // Its first operator adds int8 tensors into a float one: the reference reads beyond the tensors, we refuse.
      if (model.at("name") == "litert_add_quantized_int8") continue;
      if (model.at("status") == "OK" && has_kernels(model)) names_.push_back(model.at("name"));
    }
    ASSERT_GT(names_.size(), 20u);
  }

  std::vector<std::string> names_;
};

TEST_F(ReferenceModels, GiveTheReferencesOutputsAndTraces) {
  for (const std::string& name : names_) {
    SCOPED_TRACE(name);
    ModelRun run(name);
    if (!run.ready()) continue;
    for (const char* sample : {".s1", ".s2", ".s3"}) {
      SCOPED_TRACE(sample);
      run.fresh();
      Trace trace;
      const std::vector<uint8_t> actual = run.infer(read_file(name + sample + ".in.bin"), &trace);
      const std::vector<uint8_t> expected = read_file(name + sample + ".out.bin");
      ASSERT_EQ(actual.size(), expected.size());
      if (!expected.empty()) expect_outputs(actual, expected, run.output_type());
      if (sample == std::string(".s1")) expect_trace(name, trace);
    }
  }
}

TEST_F(ReferenceModels, KeepStateFromOneInferenceToTheNext) {
  int with_state = 0;
  for (const std::string& name : names_) {
    const std::vector<uint8_t> expected = read_file(name + ".seq.out.bin");
    if (expected.empty()) continue;
    SCOPED_TRACE(name);
    ++with_state;
    ModelRun run(name);
    if (!run.ready()) continue;
    std::vector<uint8_t> actual;
    for (const char* sample : {".s1", ".s2", ".s3"}) {
      const std::vector<uint8_t> outputs = run.infer(read_file(name + sample + ".in.bin"));
      actual.insert(actual.end(), outputs.begin(), outputs.end());
    }
    expect_outputs(actual, expected, run.output_type());
  }
  if (with_state == 0) GTEST_SKIP() << "skipped: no model with a sequence and only these operators";
}

}  // namespace
}  // namespace roost::runtime
