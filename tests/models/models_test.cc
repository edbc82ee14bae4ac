// Proves that the demo's models pass the gate and that the interpreter computes of them, to the byte, what
// int8_reference.py computed when they were made; and that they tell the gestures of the stream apart.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/gate.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"

namespace roost::runtime {
namespace {

std::vector<uint8_t> read_file(const std::string& name) {
  std::ifstream file(std::string(ROOST_DEMO_MODELS) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

// One of the models, prepared with the kernels that compute without floating point.
class Recogniser {
 public:
  explicit Recogniser(const std::string& name) : file_(read_file(name + ".tflite")) {
    std::copy(file_.begin(), file_.end(), model_.begin());
    const Status prepared = interpreter_.prepare(Bytes(model_.data(), file_.size()), arena_, scratch_);
    EXPECT_TRUE(prepared.ok()) << describe(prepared.error());
  }

  std::vector<int> scores(const std::vector<int>& window) {
    const MutableBytes input = interpreter_.input(0).bytes;
    EXPECT_EQ(input.size(), window.size());
    std::transform(window.begin(), window.end(), input.data(), [](int v) { return static_cast<uint8_t>(v); });
    EXPECT_TRUE(interpreter_.invoke().ok());
    const MutableBytes output = interpreter_.output(0).bytes;
    std::vector<int> result;
    for (size_t i = 0; i < output.size(); ++i) result.push_back(static_cast<int8_t>(output[i]));
    return result;
  }

  uint32_t arena_bytes() const { return interpreter_.judgement().arena_bytes; }

 private:
  static GateInput gate_input() {
    GateInput input;
    input.kernels = integer_kernels();
    return input;
  }

  std::vector<uint8_t> file_;
  alignas(16) std::array<uint8_t, 65536> model_;
  alignas(16) std::array<uint8_t, 32768> arena_;
  std::array<uint8_t, 4096> scratch_;
  Interpreter interpreter_{gate_input()};
};

class DemoModel : public testing::TestWithParam<std::string> {};

TEST_P(DemoModel, AnswersItsSelfTestVectorsToTheByte) {
  Recogniser recogniser(GetParam());
  const auto vectors = nlohmann::json::parse(read_file(GetParam() + ".selftest.json"))["vectors"];
  ASSERT_GE(vectors.size(), 3u);
  for (const auto& vector : vectors) {
    EXPECT_EQ(recogniser.scores(vector["input"]), vector["output"].get<std::vector<int>>());
  }
}

TEST_P(DemoModel, FitsASmallBoard) {
  EXPECT_LE(Recogniser(GetParam()).arena_bytes(), 8192u);
}

TEST_P(DemoModel, RecognisesTheStreamAndCallsTheRestUnknown) {
  Recogniser recogniser(GetParam());
  std::vector<std::string> labels;
  std::ifstream file(std::string(ROOST_DEMO_MODELS) + "/" + GetParam() + ".labels.txt");
  for (std::string label; std::getline(file, label);) labels.push_back(label);

  const auto gestures = nlohmann::json::parse(read_file("gesture_stream.json"))["gestures"];
  const std::vector<uint8_t> stream = read_file("gesture_stream.bin");
  const size_t window_bytes = stream.size() / gestures.size();
  size_t right = 0;
  for (size_t i = 0; i < gestures.size(); ++i) {
    const auto begin = stream.begin() + static_cast<ptrdiff_t>(i * window_bytes);
    const auto scores = recogniser.scores({begin, begin + static_cast<ptrdiff_t>(window_bytes)});
    const auto best = static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
    const bool known = std::count(labels.begin(), labels.end(), gestures[i]) > 0;
    right += labels.at(best) == (known ? gestures[i].get<std::string>() : "unknown");
  }
  EXPECT_GT(right, gestures.size() * 95 / 100);
}

INSTANTIATE_TEST_SUITE_P(Versions, DemoModel, testing::Values("gesture_v1", "gesture_v2"),
                         [](const auto& version) { return version.param; });

}  // namespace
}  // namespace roost::runtime
