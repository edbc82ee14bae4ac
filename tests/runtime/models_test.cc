// Proves the runtime on other people's models: outputs, state over several inferences and every operator's output
// equal to the reference's, arena no larger than its, and all models that cannot run refused with a reason. The
// models are not part of this project: the folder is given by ROOST_MODELS, else looked for beside the repository.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/crc.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#include "tests/runtime/model_builder.h"

namespace roost::runtime::testing {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// The operators we have kernels for. A model of only these is expected to run.
const std::set<std::string> kOperators = {"CONV_2D",
                                          "DEPTHWISE_CONV_2D",
                                          "FULLY_CONNECTED",
                                          "AVERAGE_POOL_2D",
                                          "MAX_POOL_2D",
                                          "MEAN",
                                          "PAD",
                                          "ADD",
                                          "MUL",
                                          "CONCATENATION",
                                          "RESHAPE",
                                          "STRIDED_SLICE",
                                          "SOFTMAX",
                                          "LOGISTIC",
                                          "RELU",
                                          "RELU6",
                                          "QUANTIZE",
                                          "DEQUANTIZE",
                                          "SVDF"};

// Models the reference runs by reading int8 tensors as floats, past their ends. The gate refuses them.
const std::set<std::string> kUnsound = {"litert_add_quantized_int8"};

fs::path models_folder() {
  const char* given = std::getenv("ROOST_MODELS");
  return given ? fs::path(given) : fs::path(ROOST_MODELS_DEFAULT);
}

std::vector<uint8_t> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(in), {});
}

class Models : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(models_folder() / "index.json")) {
      GTEST_SKIP() << "skipped: no models in " << models_folder() << "; set ROOST_MODELS";
    }
    std::ifstream in(models_folder() / "index.json");
    index_ = json::parse(in).at("models");
  }

  static bool uses_only_ours(const json& model) {
    if (!model.contains("ops") || !model["ops"].is_object()) return false;
    for (const auto& [key, count] : model["ops"].items()) {
      if (kOperators.count(key.substr(0, key.find('@'))) == 0) return false;
    }
    return true;
  }
  static bool should_run(const json& model) {
    return model.at("status") == "OK" && uses_only_ours(model) &&
           kUnsound.count(model.at("name").get<std::string>()) == 0;
  }

  json index_;
};

// A model, prepared in an arena of exactly its size.
struct Running {
  explicit Running(const std::string& name)
      : file(Bytes(read_file(models_folder() / (name + ".tflite")))), interpreter(input()) {
    const Result<Judgement> measured = interpreter.measure(bytes(), scratch);
    if (!measured.ok()) return;
    need = measured.value();
    arena = AlignedBytes(need.arena_bytes, 0xA5);
    prepared = interpreter.prepare(bytes(), MutableBytes(arena.data(), arena.size()), scratch).ok();
  }

  static GateInput input() {
    GateInput input;
    input.kernels = all_kernels();
    return input;
  }
  Bytes bytes() const { return Bytes(file.data(), file.size()); }

  std::string reason() const {
    char text[200];
    describe(interpreter.report(), text);
    return text;
  }

  // One inference on raw bytes, all inputs one after the other; all outputs one after the other.
  std::vector<uint8_t> infer(const std::vector<uint8_t>& raw) {
    size_t at = 0;
    for (uint32_t i = 0; i < interpreter.input_count(); ++i) {
      const MutableBytes in = interpreter.input(i).bytes;
      if (at + in.size() > raw.size()) return {};
      std::memcpy(in.data(), raw.data() + at, in.size());
      at += in.size();
    }
    EXPECT_EQ(at, raw.size());
    EXPECT_TRUE(interpreter.invoke().ok());
    std::vector<uint8_t> out;
    for (uint32_t i = 0; i < interpreter.output_count(); ++i) {
      const Bytes bytes = interpreter.output(i).bytes;
      out.insert(out.end(), bytes.begin(), bytes.end());
    }
    return out;
  }

  bool float_outputs() {
    for (uint32_t i = 0; i < interpreter.output_count(); ++i) {
      if (interpreter.output(i).type == TensorType::FLOAT32) return true;
    }
    return false;
  }

  AlignedBytes file;
  std::vector<uint8_t> scratch = std::vector<uint8_t>(4096);  // what a device lends: its ring
  AlignedBytes arena{16};
  Interpreter interpreter;
  Judgement need;
  bool prepared = false;
};

// Within float rounding: the reference used another libm and other vector widths.
void expect_near_floats(const std::vector<uint8_t>& got, const std::vector<uint8_t>& expected,
                        const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (size_t i = 0; i + 4 <= got.size(); i += 4) {
    float a, b;
    std::memcpy(&a, got.data() + i, 4);
    std::memcpy(&b, expected.data() + i, 4);
    ASSERT_LE(std::fabs(a - b), 1e-5f * std::fmax(1.0f, std::fabs(b))) << what << " element " << i / 4;
  }
}

void expect_output(Running& running, const std::vector<uint8_t>& got, const fs::path& expected_path,
                   const std::string& what) {
  const std::vector<uint8_t> expected = read_file(expected_path);
  if (got == expected) return;
  if (running.float_outputs()) {
    expect_near_floats(got, expected, what);
  } else {
    ADD_FAILURE() << what << ": output differs";
  }
}

TEST_F(Models, GiveTheReferencesOutputs) {
  int count = 0;
  for (const json& model : index_) {
    if (!should_run(model)) continue;
    const std::string name = model["name"];
    for (const std::string seed : {"s1", "s2", "s3"}) {
      Running running(name);  // a fresh one per input, as the expected outputs were made
      ASSERT_TRUE(running.prepared) << name << ": " << running.reason();
      const auto got = running.infer(read_file(models_folder() / (name + "." + seed + ".in.bin")));
      expect_output(running, got, models_folder() / (name + "." + seed + ".out.bin"), name + " " + seed);
    }
    ++count;
  }
  std::printf("%d models give the reference's outputs\n", count);
  EXPECT_GT(count, 30);
}

// One interpreter fed s1, s2, s3: with reset each is as if fresh; without, as the reference's sequence where there
// is one.
TEST_F(Models, KeepAndResetTheirState) {
  for (const json& model : index_) {
    if (!should_run(model)) continue;
    const std::string name = model["name"];
    Running running(name);
    ASSERT_TRUE(running.prepared) << name;
    std::vector<uint8_t> all;
    for (const std::string seed : {"s1", "s2", "s3"}) {
      const auto input = read_file(models_folder() / (name + "." + seed + ".in.bin"));
      const auto got = running.infer(input);
      all.insert(all.end(), got.begin(), got.end());
      ASSERT_TRUE(running.interpreter.reset().ok());
      const auto fresh = running.infer(input);
      expect_output(running, fresh, models_folder() / (name + "." + seed + ".out.bin"), name + " after reset");
      ASSERT_TRUE(running.interpreter.reset().ok());
    }
    const fs::path sequence = models_folder() / (name + ".seq.out.bin");
    if (!fs::exists(sequence)) continue;
    all.clear();
    for (const std::string seed : {"s1", "s2", "s3"}) {
      const auto got = running.infer(read_file(models_folder() / (name + "." + seed + ".in.bin")));
      all.insert(all.end(), got.begin(), got.end());
    }
    expect_output(running, all, sequence, name + " in sequence");
  }
}

// Compares each operator's output with the reference's trace. Floats only up to their rounding, so not at all here.
class TraceChecker final : public OperatorObserver {
 public:
  TraceChecker(std::string name, const json& trace) : name_(std::move(name)), trace_(trace) {}

  void on_operator(uint32_t op_index, BuiltinOperator op, const OperatorView& view) override {
    for (uint32_t i = 0; i < view.output_count(); ++i) {
      ASSERT_LT(at_, trace_.size()) << name_;
      const json& line = trace_[at_++];
      EXPECT_EQ(line.at("op_index"), op_index);
      EXPECT_EQ(line.at("op"), tflite::EnumNameBuiltinOperator(op));
      EXPECT_EQ(line.at("tensor"), view.output_index(i));
      const Tensor output = view.output(i);
      ASSERT_EQ(line.at("bytes"), output.bytes()) << name_;
      float_before_ = float_before_ || output.type() == TensorType::FLOAT32;
      char crc[9];
      std::snprintf(crc, sizeof crc, "%08x", crc32(0, Bytes(output.data<uint8_t>(), output.bytes())));
      if (float_before_) {
        floats_equal_ += line.at("crc32") == crc;
        ++floats_;
      } else {
        EXPECT_EQ(line.at("crc32"), crc) << name_ << " operator " << op_index << " " << line.at("op");
        ++integers_;
      }
    }
  }

  size_t at_ = 0;
  int integers_ = 0;
  int floats_ = 0;
  int floats_equal_ = 0;

 private:
  std::string name_;
  const json& trace_;
  bool float_before_ = false;
};

TEST_F(Models, GiveTheReferencesTraces) {
  int integers = 0, floats = 0, floats_equal = 0;
  for (const json& model : index_) {
    if (!should_run(model)) continue;
    const std::string name = model["name"];
    std::ifstream in(models_folder() / (name + ".s1.trace.json"));
    const json trace = json::parse(in);
    Running running(name);
    ASSERT_TRUE(running.prepared) << name;
    TraceChecker checker(name, trace);
    running.interpreter.observe(&checker);
    running.infer(read_file(models_folder() / (name + ".s1.in.bin")));
    EXPECT_EQ(checker.at_, trace.size()) << name;
    integers += checker.integers_;
    floats += checker.floats_;
    floats_equal += checker.floats_equal_;
  }
  std::printf("%d integer outputs equal; %d of %d float outputs equal to the bit\n", integers, floats_equal,
              floats);
}

TEST_F(Models, NeedNoMoreArenaThanTheReference) {
  std::printf("%-52s %9s %9s %9s %7s\n", "model", "ours", "32-bit", "64-bit", "of 32");
  for (const json& model : index_) {
    if (!should_run(model)) continue;
    const Running running(model["name"]);
    const uint32_t ours = running.need.arena_bytes;
    const uint32_t small = model.at("arena_used_bytes_m32");
    const uint32_t wide = model.at("arena_used_bytes_x86_64");
    std::printf("%-52s %9u %9u %9u %6.1f%%\n", model["name"].get<std::string>().c_str(), ours, small, wide,
                100.0 * ours / small);
    EXPECT_LE(ours, small) << model["name"];
    EXPECT_EQ(running.need.macs, model.at("macs").get<uint64_t>()) << model["name"];
  }
}

TEST_F(Models, ThatCannotRunAreRefusedWithAReason) {
  for (const json& model : index_) {
    if (should_run(model)) continue;
    const std::string name = model["name"];
    const Running running(name);
    EXPECT_FALSE(running.prepared) << name;
    std::printf("%-52s %s\n", name.c_str(), running.reason().c_str());
    if (uses_only_ours(model) || !model.contains("ops") || !model["ops"].is_object()) continue;
    // Refused for an operator we lack: it is named.
    bool named = false;
    for (const auto& [key, count] : model["ops"].items()) {
      std::string op = key.substr(0, key.find('@'));
      if (kOperators.count(op)) continue;
      if (op.rfind("CUSTOM:", 0) == 0) op = op.substr(7, 23);
      named = named || running.reason().find(op) != std::string::npos;
    }
    EXPECT_TRUE(named) << name << ": " << running.reason();
  }
}

// Damaged copies of sound models are refused or run, and never crash (the sanitizers are the judges).
TEST_F(Models, SurviveBitFlipsAndTruncation) {
  const bool nightly = std::getenv("ROOST_NIGHTLY") != nullptr;
  uint32_t random = 1;
  const auto draw = [&random] {
    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    return random;
  };
  int ran = 0, refused = 0;
  for (const json& model : index_) {
    const std::vector<uint8_t> good = read_file(models_folder() / (model["name"].get<std::string>() + ".tflite"));
    if (good.size() > 40000 && !nightly) continue;
    for (int round = 0; round < (nightly ? 400 : 30); ++round) {
      AlignedBytes bad{Bytes(good)};
      for (uint32_t flips = 1 + draw() % 4; flips > 0; --flips)
        bad.data()[draw() % bad.size()] ^= static_cast<uint8_t>(1u << draw() % 8);
      const size_t size = round % 5 == 0 ? draw() % (good.size() + 1) : good.size();
      const AlignedBytes exact(Bytes(bad.data(), size));  // so that reading past the end is seen
      GateInput input = Running::input();
      input.limits.work = 3'000'000;
      input.limits.arena_bytes = 1 << 20;
      Interpreter interpreter(input);
      std::vector<uint8_t> scratch(16384);
      AlignedBytes arena(1 << 20);
      const bool prepared =
          interpreter.prepare(Bytes(exact.data(), exact.size()), MutableBytes(arena.data(), arena.size()), scratch)
              .ok();
      if (prepared) (void)interpreter.invoke();
      (prepared ? ran : refused) += 1;
    }
  }
  std::printf("%d damaged models ran, %d were refused\n", ran, refused);
  EXPECT_GT(ran, 0);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace roost::runtime::testing
