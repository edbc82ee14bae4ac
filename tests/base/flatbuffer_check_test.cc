// FlatCheck against the FlatBuffers library's own verifier, on models, manifests and bodies damaged at random: what
// FlatCheck lets pass, the verifier lets pass too, always. The other way round it is told how often: it is stricter
// only where no writer goes (an offset to nowhere inside a vector, a vtable without its head).
#include <gtest/gtest.h>

#include <random>

#include "base/flatbuffer_check.h"
#include "host/writer/package_writer.h"
#include "protocol/body.h"
#include "protocol/body_generated.h"
#include "protocol/manifest.h"
#include "protocol/manifest_generated.h"
#include "runtime/gate.h"
#include "tests/runtime/model_builder.h"

namespace roost {
namespace {

using runtime::testing::AlignedBytes;

bool checked_model(Bytes file) {
  return runtime::verify_file(file, runtime::GateLimits()) == runtime::Error::kNone;
}
bool library_model(Bytes file) {
  flatbuffers::Verifier verifier(file.data(), file.size());
  return runtime::tflite::VerifyModelBuffer(verifier);
}

bool checked_manifest(Bytes file) {
  return protocol::read_manifest(file).ok();
}
bool library_manifest(Bytes file) {
  flatbuffers::Verifier verifier(file.data(), file.size());
  return protocol::fbs::VerifyManifestBuffer(verifier);
}
bool checked_body(Bytes file) {
  return protocol::read_body(file).ok();
}
bool library_body(Bytes file) {
  flatbuffers::Verifier verifier(file.data(), file.size());
  return protocol::fbs::VerifyBodyBuffer(verifier);
}

using Verdict = bool (*)(Bytes);

void compare(const AlignedBytes& whole, Verdict checked, Verdict library) {
  constexpr int kRounds = 60000;
  constexpr uint32_t kSeed = 4711;
  std::mt19937 random(kSeed);
  const Bytes original(whole.data(), whole.size());
  ASSERT_TRUE(checked(original));
  ASSERT_TRUE(library(original));
  int passed = 0;
  int refused = 0;
  int stricter = 0;
  for (int round = 0; round < kRounds; ++round) {
    AlignedBytes damaged = whole;
    const size_t size = random() % 8 == 0 ? random() % whole.size() : whole.size();
    for (uint32_t n = 1 + random() % 4; n > 0; --n) {
      uint8_t& byte = damaged.data()[random() % whole.size()];
      // Small changes hit neighbouring objects, which is where checks go wrong.
      byte = static_cast<uint8_t>(random() % 2 == 0 ? random() : byte + random() % 17 - 8);
    }
    const Bytes file(damaged.data(), size);
    const bool passes = checked(file);
    const bool library_passes = library(file);
    ASSERT_TRUE(!passes || library_passes) << "seed " << kSeed << ", round " << round;
    passed += passes;
    refused += !passes;
    stricter += !passes && library_passes;
  }
  // Both verdicts must have been given often, or nothing was compared.
  EXPECT_GT(passed, kRounds / 20);
  EXPECT_GT(refused, kRounds / 20);
  EXPECT_LT(stricter, kRounds / 100);
}

AlignedBytes aligned(const std::vector<uint8_t>& bytes) {
  return AlignedBytes(Bytes(bytes.data(), bytes.size()));
}

TEST(FlatCheck, PassesNoDamagedModelThatTheLibraryRefuses) {
  auto spec = runtime::testing::chain_model({2, 3}, 3);
  spec.codes.push_back({runtime::BuiltinOperator::CUSTOM, 1, "theirs"});
  spec.graphs.push_back(spec.graphs[0]);
  spec.graphs[0].tensors[1].sparse = true;
  spec.graphs[0].tensors[2].details_type = 1;
  spec.buffers.push_back({{1, 2, 3, 4, 5}, 0, 0});
  compare(build(spec), checked_model, library_model);
}

TEST(FlatCheck, PassesNoDamagedManifestThatTheLibraryRefuses) {
  protocol::ManifestFields fields;
  fields.name = "gesture";
  fields.version = "1.2";
  fields.hardware = "board";
  fields.model_size = 1000;
  fields.body_size = 100;
  fields.operators = {{3, 1}, {9, 2}};
  fields.custom_operators = {"one", "two"};
  fields.inputs.push_back({protocol::TensorType::kInt8, {1, 2, 3}, 0.5f, 1});
  fields.outputs.push_back({protocol::TensorType::kInt8, {1, 4}, 0.5f, -1});
  fields.has_base = true;
  fields.counter = 7;
  compare(aligned(protocol::write_manifest(fields)), checked_manifest, library_manifest);
}

TEST(FlatCheck, PassesNoDamagedBodyThatTheLibraryRefuses) {
  protocol::BodyFields fields;
  fields.labels = {"left", "right"};
  fields.key_values = {{"key", "value"}, {"other", ""}};
  fields.vectors.push_back({{1, 2, 3}, {4, 5}, 1.0f});
  compare(aligned(protocol::write_body(fields)), checked_body, library_body);
}

TEST(FlatCheck, RefusesMoreTablesThanAllowed) {
  const AlignedBytes file = build(runtime::testing::chain_model({2}, 8));
  runtime::GateLimits limits;
  limits.subgraphs = limits.tensors = limits.operators = limits.buffers = 0;
  EXPECT_EQ(runtime::verify_file(Bytes(file.data(), file.size()), limits), runtime::Error::kMalformed);
}

TEST(FlatCheck, RefusesTextsWithoutTheirZero) {
  const uint8_t fields[] = {flat_text(kFlatRequired), kFlatEnd};
  const FlatTable schema[] = {fields};
  // root offset | vtable: 6 bytes, 8 bytes, field at 4 | pad | table: vtable distance, text offset | text
  alignas(8)
      uint8_t file[] = {12, 0, 0, 0, 6, 0, 8, 0, 4, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 'h', 'i', 0};
  EXPECT_TRUE(FlatCheck(file, schema, 1).check_root());
  EXPECT_FALSE(FlatCheck(Bytes(file).first(sizeof file - 1), schema, 1).check_root());
  file[sizeof file - 1] = '!';
  EXPECT_FALSE(FlatCheck(file, schema, 1).check_root());
  file[sizeof file - 1] = 0;
  EXPECT_FALSE(FlatCheck(file, schema, 0).check_root());
  file[8] = 0;  // required, and absent
  EXPECT_FALSE(FlatCheck(file, schema, 1).check_root());
}

}  // namespace
}  // namespace roost
