// Proves the TFLM adapter over the real TensorFlow Lite Micro: on every recorded model that the gate lets pass the
// outputs are ours and the recorded ones, the arena that measure() asks for is enough and ours is no larger; an arena
// that is too small is refused and never written through; models swap and roll back in one image in which both
// runtimes are. With -DROOST_TFLM_DIR only. Prints the table of device/ports/tflm/README.md.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "device/ports/tflm/tflm_engine.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#include "runtime/model_host.h"
#include "tests/target/tflm/aligned.h"
#include "tests/target/tflm/resolver.h"

namespace roost::target_test {
namespace {

namespace fs = std::filesystem;
using runtime::Engine;
using runtime::Error;
using runtime::HostedModel;
using runtime::HostEvent;
using runtime::IoTensor;
using tflm::TflmEngine;

runtime::GateInput gate() {
  runtime::GateInput gate;
  gate.kernels = runtime::all_kernels();
  return gate;
}

std::vector<uint8_t> outputs(Engine& engine) {
  std::vector<uint8_t> all;
  for (uint32_t i = 0; i < engine.output_count(); ++i) {
    const Bytes bytes = engine.output(i).bytes;
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

std::vector<uint8_t> infer(Engine& engine, const std::vector<uint8_t>& raw) {
  size_t at = 0;
  for (uint32_t i = 0; i < engine.input_count(); ++i) {
    const MutableBytes in = engine.input(i).bytes;
    EXPECT_LE(at + in.size(), raw.size());
    if (at + in.size() > raw.size()) return {};
    std::memcpy(in.data(), raw.data() + at, in.size());
    at += in.size();
  }
  EXPECT_TRUE(engine.invoke().ok());
  return outputs(engine);
}

bool real_outputs(Engine& engine) {
  for (uint32_t i = 0; i < engine.output_count(); ++i) {
    if (engine.output(i).type == runtime::TensorType::FLOAT32) return true;
  }
  return false;
}

// Bytes are equal; floats are within float rounding.
bool same(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b, bool real) {
  if (a == b) return true;
  if (!real || a.size() != b.size()) return false;
  for (size_t i = 0; i + 4 <= a.size(); i += 4) {
    float x, y;
    std::memcpy(&x, a.data() + i, 4);
    std::memcpy(&y, b.data() + i, 4);
    if (!(std::fabs(x - y) <= 1e-5f * std::fmax(1.0f, std::fabs(y)))) return false;
  }
  return true;
}

fs::path models_folder() {
  const char* given = std::getenv("ROOST_MODELS");
  return given ? fs::path(given) : fs::path(ROOST_MODELS_DEFAULT);
}

struct Both {
  explicit Both(const fs::path& path) : file(read_file(path)) {}

  // False: the gate refuses the model, and TFLM never sees it.
  bool prepare() {
    const auto by_ours = ours.measure(file.bytes(), scratch.bytes());
    const auto by_tflm = tflm.measure(file.bytes(), scratch.bytes());
    EXPECT_EQ(by_ours.ok(), by_tflm.ok());
    if (!by_ours.ok()) return false;
    our_bytes = by_ours.value().arena_bytes;
    bound = by_tflm.value().arena_bytes;
    our_arena = Aligned(our_bytes);
    tflm_arena = Aligned(bound);
    EXPECT_TRUE(ours.prepare(file.bytes(), our_arena.bytes(), scratch.bytes()).ok());
    EXPECT_EQ(tflm.prepare(file.bytes(), tflm_arena.bytes(), scratch.bytes()).error(), Error::kNone);
    return true;
  }

  Aligned file, scratch{64 * 1024}, our_arena, tflm_arena;
  runtime::Interpreter ours{gate()};
  TflmEngine tflm{gate(), tflm_resolver(Softmax::kReal)};
  uint32_t our_bytes = 0, bound = 0;
};

std::vector<fs::path> recorded_models() {
  std::vector<fs::path> paths;
  if (fs::exists(models_folder())) {
    for (const auto& entry : fs::directory_iterator(models_folder())) {
      if (entry.path().extension() == ".tflite") paths.push_back(entry.path());
    }
  }
  for (const char* own : {"/gesture_v1.tflite", "/gesture_v2.tflite"})
    paths.emplace_back(std::string(ROOST_OWN_MODELS) + own);
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(Tflm, GivesTheOutputsThatOursGivesInAnArenaNoSmallerThanOurs) {
  std::printf("%-44s %9s %9s %6s %9s\n", "arena bytes", "ours", "TFLM", "ratio", "measure()");
  int ran = 0, refused = 0, inferences = 0;
  for (const fs::path& path : recorded_models()) {
    SCOPED_TRACE(path);
    Both both(path);
    if (!both.prepare()) {
      ++refused;
      continue;
    }
    ++ran;
    const uint32_t used = both.tflm.used_bytes();
    std::printf("%-44s %9u %9u %6.2f %9u\n", path.stem().string().substr(0, 44).c_str(), both.our_bytes, used,
                static_cast<double>(both.our_bytes) / used, both.bound);
    EXPECT_LE(both.our_bytes, used);
    EXPECT_LE(used, both.bound);
    const bool real = real_outputs(both.ours);
    for (const char* seed : {"s1", "s2", "s3"}) {
      fs::path in = path, out = path;
      const std::vector<uint8_t> raw = read_file(in.replace_extension(std::string(seed) + ".in.bin"));
      if (raw.empty()) continue;
      ASSERT_TRUE(both.ours.reset().ok() && both.tflm.reset().ok());
      const std::vector<uint8_t> got = infer(both.tflm, raw);
      EXPECT_TRUE(same(got, infer(both.ours, raw), real)) << seed;
      EXPECT_TRUE(same(got, read_file(out.replace_extension(std::string(seed) + ".out.bin")), real)) << seed;
      // Without a reset between them: state goes on in both alike.
      EXPECT_TRUE(same(infer(both.tflm, raw), infer(both.ours, raw), real)) << seed << " again";
      inferences += 2;
    }
  }
  std::printf("%d models, %d inferences compared; %d models refused by the gate and not shown to TFLM\n", ran,
              inferences, refused);
  EXPECT_GE(ran, 2);
}

TEST(Tflm, PreparesAgainAfterReleaseAndKeepsNoState) {
  for (const fs::path& path : recorded_models()) {
    SCOPED_TRACE(path);
    fs::path in = path;
    const std::vector<uint8_t> raw = read_file(in.replace_extension("s1.in.bin"));
    Both both(path);
    if (raw.empty() || !both.prepare()) continue;
    const std::vector<uint8_t> fresh = infer(both.tflm, raw);
    (void)infer(both.tflm, raw);
    ASSERT_TRUE(both.tflm.reset().ok());
    EXPECT_EQ(infer(both.tflm, raw), fresh) << "reset is not the beginning";
    both.tflm.release();
    std::memset(both.tflm_arena.bytes().data(), 0xA5, both.tflm_arena.bytes().size());
    ASSERT_TRUE(both.tflm.prepare(both.file.bytes(), both.tflm_arena.bytes(), both.scratch.bytes()).ok());
    EXPECT_EQ(infer(both.tflm, raw), fresh) << "prepared again, it is another";
  }
}

TEST(Tflm, RefusesEveryArenaBelowItsBound) {
  for (const fs::path& path : recorded_models()) {
    SCOPED_TRACE(path);
    Both both(path);
    if (!both.prepare()) continue;
    both.tflm.release();
    for (uint32_t part = 0; part < 64; ++part) {
      const MutableBytes piece = both.tflm_arena.bytes().first(uint64_t{both.bound} * part / 64);
      ASSERT_EQ(both.tflm.prepare(both.file.bytes(), piece, both.scratch.bytes()).error(), Error::kArenaTooSmall);
    }
  }
}

// A file that gives the arena's offsets itself is refused: TFLM would write wherever they say.
TEST(Tflm, RefusesAFileThatBringsItsOwnPlan) {
  Aligned planned(read_file(models_folder() / "tflm_person_detect_vela.tflite"));
  if (planned.bytes().empty()) GTEST_SKIP() << "skipped: no recorded models in " << models_folder();
  EXPECT_FALSE(tflm::sound(planned.bytes().data(), planned.bytes().size()));
  Aligned other(read_file(models_folder() / "tflm_person_detect.tflite"));
  EXPECT_TRUE(tflm::sound(other.bytes().data(), other.bytes().size()));
  EXPECT_FALSE(tflm::sound(other.bytes().data(), other.bytes().size() / 2));
}

// Files with random damage: whatever passes all that is asked before TFLM must do no harm in it.
TEST(Tflm, SurvivesDamagedModels) {
  const std::vector<uint8_t> sound = read_file(ROOST_OWN_MODELS "/gesture_v1.tflite");
  uint32_t state = 2463534242;
  const auto draw = [&state](uint32_t below) {
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return state % below;
  };
  Aligned scratch(4096), arena(256 * 1024);
  TflmEngine engine(gate(), tflm_resolver(Softmax::kReal));
  int ran = 0, refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::vector<uint8_t> damaged = sound;
    for (uint32_t i = 0; i <= draw(4); ++i) {
      damaged[draw(static_cast<uint32_t>(damaged.size()))] = static_cast<uint8_t>(draw(3) == 0 ? 0xFF : draw(256));
    }
    Aligned file(damaged);
    if (!engine.prepare(file.bytes(), arena.bytes(), scratch.bytes()).ok()) {
      ++refused;
      continue;
    }
    ++ran;
    for (uint32_t i = 0; i < engine.input_count(); ++i) {
      const MutableBytes in = engine.input(i).bytes;
      for (uint8_t& byte : in) byte = static_cast<uint8_t>(draw(256));
    }
    (void)engine.invoke();
    engine.release();
  }
  std::printf("%d damaged models ran, %d were refused\n", ran, refused);
  EXPECT_GT(ran, 100);
  EXPECT_GT(refused, 20);
}

class TflmSwap : public testing::TestWithParam<uint32_t> {
 protected:
  HostEvent settle() {
    for (int i = 0; i < 100; ++i) {
      const HostEvent event = host.poll(scratch.bytes());
      if (event != HostEvent::kWorking && event != HostEvent::kIdle) return event;
    }
    return HostEvent::kIdle;
  }
  static HostedModel hosted(Aligned& file, uint32_t id, const runtime::SelfTest* self_test = nullptr) {
    HostedModel model;
    model.bytes = file.bytes();
    model.id = id;
    model.self_test = self_test;
    return model;
  }
  // What the host's model says to a sample, and what ours says to it.
  std::vector<uint8_t> served() {
    std::memcpy(host.input(0).bytes.data(), sample.data(), sample.size());
    EXPECT_TRUE(host.invoke().ok());
    const Bytes out = host.output(0).bytes;
    return {out.begin(), out.end()};
  }
  std::vector<uint8_t> by_ours(Aligned& file) {
    runtime::Interpreter ours(gate());
    Aligned own(64 * 1024);
    EXPECT_TRUE(ours.prepare(file.bytes(), own.bytes(), scratch.bytes()).ok());
    return infer(ours, sample);
  }

  Aligned v1{read_file(ROOST_OWN_MODELS "/gesture_v1.tflite")},
      v2{read_file(ROOST_OWN_MODELS "/gesture_v2.tflite")};
  std::vector<uint8_t> sample = [] {
    std::vector<uint8_t> bytes(384);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 37 + 11);
    return bytes;
  }();
  Aligned scratch{4096}, arena{GetParam()};
  TflmEngine a{gate(), tflm_resolver(Softmax::kReal)}, b{gate(), tflm_resolver(Softmax::kReal)};
  runtime::ModelHost host{a, b, arena.bytes()};
};

// Says of every model that it is wrong.
struct Impossible final : runtime::SelfTest {
  bool vector(uint32_t index, runtime::Io which, runtime::SelfTestVector* vector) const override {
    vector->bytes = which == runtime::Io::kInput ? inputs : expected;
    return index == 0;
  }
  std::vector<uint8_t> inputs = std::vector<uint8_t>(384), expected = {1, 2, 3, 4};
};

TEST_P(TflmSwap, SwapsConfirmsAndRollsBackAFailingModel) {
  ASSERT_TRUE(host.run(hosted(v1, 1)).ok());
  ASSERT_EQ(settle(), HostEvent::kRunning);
  const std::vector<uint8_t> of_v1 = by_ours(v1), of_v2 = by_ours(v2);
  EXPECT_EQ(served(), of_v1);

  const Impossible impossible;
  ASSERT_TRUE(host.try_model(hosted(v2, 2, &impossible)).ok());
  ASSERT_EQ(settle(), HostEvent::kReturned);
  EXPECT_EQ(host.last_report().error, Error::kSelfTestMismatch);
  EXPECT_EQ(served(), of_v1);

  const uint32_t before = host.generation();
  ASSERT_TRUE(host.try_model(hosted(v2, 2)).ok());
  ASSERT_EQ(settle(), HostEvent::kTrial);
  EXPECT_NE(host.generation(), before);
  EXPECT_EQ(served(), of_v2);
  ASSERT_TRUE(host.confirm().ok());
  EXPECT_FALSE(host.holds(v1.bytes()));
  EXPECT_EQ(served(), of_v2);

  ASSERT_TRUE(host.try_model(hosted(v1, 3)).ok());
  ASSERT_EQ(settle(), HostEvent::kTrial);
  ASSERT_TRUE(host.return_to_previous().ok());
  ASSERT_EQ(settle(), HostEvent::kReturned);
  EXPECT_EQ(served(), of_v2);
}

// Room for two plans, room for one.
INSTANTIATE_TEST_SUITE_P(Arena, TflmSwap, testing::Values(96u * 1024, 24u * 1024));

TEST(Tflm, TellsWhatFailed) {
  Aligned file(read_file(ROOST_OWN_MODELS "/gesture_v1.tflite")), scratch(4096), arena(64 * 1024);
  std::memset(arena.bytes().data(), 0xA5, arena.bytes().size());  // nobody promises an arena of zeros
  TflmEngine missing(gate(), tflm_resolver(Softmax::kMissing));
  EXPECT_EQ(missing.prepare(file.bytes(), arena.bytes(), scratch.bytes()).error(), Error::kOperatorMissing);

  TflmEngine refuses(gate(), tflm_resolver(Softmax::kRefusesToPrepare));
  EXPECT_EQ(refuses.prepare(file.bytes(), arena.bytes(), scratch.bytes()).error(), Error::kEngineRefused);
  EXPECT_EQ(refuses.input_count(), 0u);

  TflmEngine fails(gate(), tflm_resolver(Softmax::kFailsToRun));
  ASSERT_TRUE(fails.prepare(file.bytes(), arena.bytes(), scratch.bytes()).ok());
  EXPECT_EQ(fails.invoke().error(), Error::kInvokeFailed);
  EXPECT_EQ(fails.step().error(), Error::kInvokeFailed);
  EXPECT_TRUE(fails.reset().ok());
}

}  // namespace
}  // namespace roost::target_test
