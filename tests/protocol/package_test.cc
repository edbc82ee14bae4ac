// Proves that manifest and body are read as written, and that whatever is no whole file is refused, by cutting and
// flipping every bit of a good one (nothing may crash, and no view may point outside); and each rule of those who
// make packages, by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "host/writer/package_check.h"
#include "host/writer/package_writer.h"
#include "protocol/body.h"
#include "protocol/package.h"

namespace roost::protocol {
namespace {

using Buffer = std::vector<uint8_t>;

ManifestFields good_fields() {
  ManifestFields fields;
  fields.name = "gesture";
  fields.version = "1.2.0";
  fields.model_size = 30880;
  fields.model_sha256.fill(0xAB);
  fields.body_size = 500;
  fields.body_sha256.fill(0xCD);
  fields.hardware = "nano33ble";
  fields.arena_bytes = 10000;
  fields.operators = {{3, 3}, {4, 1}, {25, 2}};
  fields.custom_operators = {"Window"};
  fields.inputs = {{TensorType::kInt8, {1, 128, 3}, 0.5f, -3}};
  fields.outputs = {{TensorType::kInt8, {1, 4}, 0.00390625f, -128}};
  fields.confirm_after_inferences = 100;
  fields.counter = 7;
  return fields;
}

std::string string_of(Text text) {
  return {text.data(), text.size()};
}

TEST(Manifest, IsReadAsWritten) {
  const Buffer bytes = write_manifest(good_fields());
  std::printf("a usual manifest takes %zu bytes\n", bytes.size());
  const ManifestView view = read_manifest(bytes);
  ASSERT_TRUE(view.ok() && follows_rules(view));
  EXPECT_EQ(string_of(view.name()), "gesture");
  EXPECT_EQ(string_of(view.version()), "1.2.0");
  EXPECT_EQ(string_of(view.hardware()), "nano33ble");
  EXPECT_EQ(view.model_size(), 30880u);
  EXPECT_EQ(view.model_sha256()[31], 0xAB);
  EXPECT_EQ(view.body_sha256()[0], 0xCD);
  ASSERT_EQ(view.operators().size(), 3u);
  EXPECT_EQ(view.operators()[2].code, 25);
  EXPECT_EQ(view.operators()[2].version, 2);
  ASSERT_EQ(view.custom_operators().size(), 1u);
  EXPECT_EQ(string_of(view.custom_operators()[0]), "Window");
  ASSERT_EQ(view.inputs().size(), 1u);
  EXPECT_EQ(view.inputs()[0].shape().size(), 3u);
  EXPECT_EQ(view.inputs()[0].shape()[1], 128);
  EXPECT_EQ(view.inputs()[0].zero_point(), -3);
  EXPECT_EQ(view.attempts(), 3);
  EXPECT_EQ(view.counter(), 7u);
  EXPECT_FALSE(view.has_base());
  EXPECT_EQ(view.layout().payload_size(), 30880u + 500u);
}

TEST(Manifest, HasRules) {
  const auto broken = [](auto change) {
    ManifestFields fields = good_fields();
    change(fields);
    const Buffer bytes = write_manifest(fields);
    const ManifestView view = read_manifest(bytes);
    EXPECT_TRUE(view.ok());  // a device takes it as it comes
    return !follows_rules(view);
  };
  EXPECT_FALSE(broken([](auto&) {}));
  EXPECT_TRUE(broken([](auto& f) { f.name = ""; }));
  EXPECT_TRUE(broken([](auto& f) { f.name = std::string(25, 'x'); }));
  EXPECT_TRUE(broken([](auto& f) { f.name = "a\nb"; }));
  EXPECT_TRUE(broken([](auto& f) { f.version = std::string(17, '1'); }));
  EXPECT_TRUE(broken([](auto& f) { f.hardware = std::string(25, 'x'); }));
  EXPECT_TRUE(broken([](auto& f) { f.model_size = 0; }));
  EXPECT_TRUE(broken([](auto& f) { f.model_size = kPayloadBytesMax + 1; }));
  EXPECT_TRUE(broken([](auto& f) { f.model_size = kPayloadBytesMax; }));
  EXPECT_TRUE(broken([](auto& f) { f.body_size = 0u - 30880u; }));
  EXPECT_TRUE(broken([](auto& f) { f.operators.resize(65); }));
  EXPECT_TRUE(broken([](auto& f) { f.custom_operators.assign(9, "x"); }));
  EXPECT_TRUE(broken([](auto& f) { f.custom_operators = {""}; }));
  EXPECT_TRUE(broken([](auto& f) { f.inputs[0].shape = {0}; }));
  EXPECT_TRUE(broken([](auto& f) { f.inputs[0].shape = {-1}; }));
  EXPECT_TRUE(broken([](auto& f) { f.inputs[0].shape = {65536}; }));
  EXPECT_TRUE(broken([](auto& f) { f.inputs[0].shape.assign(7, 1); }));
  EXPECT_TRUE(broken([](auto& f) { f.inputs[0].type = static_cast<TensorType>(5); }));
  EXPECT_TRUE(broken([](auto& f) { f.inputs[0].scale = -1; }));
  EXPECT_TRUE(broken([](auto& f) { f.inputs[0].scale = std::nanf(""); }));
  EXPECT_TRUE(broken([](auto& f) { f.inputs[0].scale = std::numeric_limits<float>::infinity(); }));
  EXPECT_TRUE(broken([](auto& f) { f.outputs[0].zero_point = 70000; }));
  EXPECT_TRUE(broken([](auto& f) { f.attempts = 17; }));
}

// As bytes, since the writer makes no such thing: the size of the digest stands before its first byte.
TEST(Manifest, TakesADigestOfAnotherSizeForNone) {
  Buffer bytes = write_manifest(good_fields());
  const Buffer digest(32, 0xAB);
  const auto at = std::search(bytes.begin(), bytes.end(), digest.begin(), digest.end());
  ASSERT_NE(at, bytes.end());
  *(at - 4) = 31;
  const ManifestView view = read_manifest(bytes);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view.model_sha256(), Sha256{});
  EXPECT_FALSE(follows_rules(view));
}

TEST(Manifest, TakesNoAttemptsForTheDefault) {
  ManifestFields fields = good_fields();
  fields.attempts = 0;
  const Buffer bytes = write_manifest(fields);
  EXPECT_EQ(read_manifest(bytes).attempts(), kManifestAttemptsDefault);
}

TEST(Manifest, RefusesWrongFrames) {
  Buffer bytes = write_manifest(good_fields());
  EXPECT_FALSE(read_manifest(Bytes()).ok());
  EXPECT_FALSE(read_manifest(Buffer(64)).ok());
  Buffer other = bytes;
  other[4] ^= 1;  // the identifier
  EXPECT_FALSE(read_manifest(other).ok());
  bytes.insert(bytes.begin(), 0);
  EXPECT_FALSE(read_manifest(Bytes(bytes).from(1)).ok());
  EXPECT_EQ(read_manifest(Bytes()).name().size(), 0u);
}

bool lies_within(Text text, Bytes bytes) {
  const uint8_t* begin = reinterpret_cast<const uint8_t*>(text.data());
  return text.empty() || (begin >= bytes.data() && begin + text.size() <= bytes.data() + bytes.size());
}

TEST(Manifest, SurvivesEveryCutAndEveryFlippedBit) {
  const Buffer good = write_manifest(good_fields());
  for (size_t cut = 0; cut < good.size(); ++cut) {
    const Buffer part(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(cut));
    EXPECT_TRUE(lies_within(read_manifest(part).name(), part));
  }
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Buffer bytes = good;
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    const ManifestView view = read_manifest(bytes);
    EXPECT_TRUE(lies_within(view.name(), bytes) && lies_within(view.version(), bytes) &&
                lies_within(view.hardware(), bytes));
    for (size_t i = 0; i < view.operators().size(); ++i) (void)view.operators()[i];
  }
}

BodyFields good_body() {
  BodyFields fields;
  fields.labels = {"wing", "ring", "slope"};
  fields.key_values = {{"threshold", "0.7"}, {"window", "128"}};
  fields.vectors = {{Buffer(384, 1), Buffer(4, 2), 1.0f}, {Buffer(384, 3), Buffer(4, 4), 0.0f}};
  return fields;
}

TEST(Body, IsReadAsWritten) {
  const Buffer bytes = write_body(good_body());
  const BodyView body = read_body(bytes);
  ASSERT_TRUE(body.ok() && follows_rules(body));
  ASSERT_EQ(body.label_count(), 3u);
  EXPECT_EQ(string_of(body.label(2)), "slope");
  ASSERT_EQ(body.key_value_count(), 2u);
  EXPECT_EQ(string_of(body.key_value(1).value), "128");
  ASSERT_EQ(body.vectors().size(), 2u);
  EXPECT_EQ(body.vectors()[1].input().size(), 384u);
  EXPECT_EQ(body.vectors()[1].expected()[0], 4);
  EXPECT_EQ(body.vectors()[0].tolerance(), 1.0f);
  EXPECT_EQ((body.vectors()[1].input().data() - bytes.data()) % 16, 0);
}

TEST(Body, HasRules) {
  const auto broken = [](auto change) {
    BodyFields fields = good_body();
    change(fields);
    const Buffer bytes = write_body(fields);
    return !follows_rules(read_body(bytes));
  };
  EXPECT_FALSE(broken([](auto&) {}));
  EXPECT_TRUE(broken([](auto& f) { f.labels.assign(kBodyLabelsMax + 1, "x"); }));
  EXPECT_TRUE(broken([](auto& f) { f.labels = {"a\x1b[2J"}; }));
  EXPECT_TRUE(broken([](auto& f) { f.key_values = {{"", "x"}}; }));
  EXPECT_TRUE(broken([](auto& f) { f.vectors[0].expected.clear(); }));
  EXPECT_TRUE(broken([](auto& f) { f.vectors[0].tolerance = -1; }));
  EXPECT_TRUE(broken([](auto& f) { f.vectors.resize(1000, f.vectors[0]); }));
}

TEST(Body, SurvivesEveryCutAndEveryFlippedBit) {
  const Buffer good = write_body(good_body());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Buffer bytes = good;
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    const BodyView body = read_body(bytes);
    for (size_t i = 0; i < body.label_count(); ++i) EXPECT_TRUE(lies_within(body.label(i), bytes));
    for (size_t i = 0; i < body.vectors().size(); ++i) EXPECT_LE(body.vectors()[i].input().size(), bytes.size());
  }
}

TEST(Payload, PutsTheBodyAtTheNextMultipleOfSixteen) {
  const Buffer model(33, 1);
  const Buffer body(5, 2);
  const Buffer payload = write_payload(model, body);
  EXPECT_EQ(payload.size(), 48u + 5u);
  EXPECT_EQ(payload[47], 0);
  EXPECT_EQ(payload[48], 2);
  EXPECT_EQ(write_payload(model, Bytes()).size(), 33u);
  EXPECT_EQ(PayloadLayout(33, 5).payload_size(), payload.size());
}

TEST(Payload, CountsChunksAndStreamBytes) {
  EXPECT_EQ(chunk_count(1, 4096), 1u);
  EXPECT_EQ(chunk_count(4096, 4096), 1u);
  EXPECT_EQ(chunk_count(4097, 4096), 2u);
  EXPECT_EQ(chunk_true_size(4097, 4096, 1), 1u);
  EXPECT_EQ(stream_size(4097, 4096, 0), 4097u + 16);
  EXPECT_EQ(stream_size(4097, 4096, 1), 1u + 8);
  EXPECT_EQ(stream_size(4097, 4096, 2), 0u);
}

}  // namespace
}  // namespace roost::protocol
