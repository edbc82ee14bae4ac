#include "host/writer/package_writer.h"

#include "protocol/body_generated.h"
#include "protocol/manifest_generated.h"
#include "protocol/package.h"

namespace roost::protocol {
namespace {

std::vector<uint8_t> bytes_of(const flatbuffers::FlatBufferBuilder& builder) {
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

using TensorOffsets = flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbs::Tensor>>>;

TensorOffsets write_tensors(flatbuffers::FlatBufferBuilder& builder, const std::vector<TensorFields>& tensors) {
  std::vector<flatbuffers::Offset<fbs::Tensor>> offsets;
  for (const TensorFields& tensor : tensors) {
    const auto shape = builder.CreateVector(tensor.shape);
    offsets.push_back(
        fbs::CreateTensor(builder, static_cast<uint8_t>(tensor.type), shape, tensor.scale, tensor.zero_point));
  }
  return builder.CreateVector(offsets);
}

flatbuffers::Offset<flatbuffers::Vector<uint8_t>> write_digest(flatbuffers::FlatBufferBuilder& builder,
                                                               const Sha256& digest) {
  return builder.CreateVector(digest.data(), digest.size());
}

}  // namespace

std::vector<uint8_t> write_manifest(const ManifestFields& fields) {
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(fields.name);
  const auto version = builder.CreateString(fields.version);
  const auto model_sha256 = write_digest(builder, fields.model_sha256);
  flatbuffers::Offset<flatbuffers::Vector<uint8_t>> body_sha256;
  if (fields.body_size != 0) body_sha256 = write_digest(builder, fields.body_sha256);
  flatbuffers::Offset<flatbuffers::String> hardware;
  if (!fields.hardware.empty()) hardware = builder.CreateString(fields.hardware);
  std::vector<fbs::OperatorNeed> needs;
  for (const OperatorNeed& need : fields.operators) needs.emplace_back(need.code, need.version);
  const auto operators = builder.CreateVectorOfStructs(needs);
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> custom;
  if (!fields.custom_operators.empty()) custom = builder.CreateVectorOfStrings(fields.custom_operators);
  const TensorOffsets inputs = write_tensors(builder, fields.inputs);
  const TensorOffsets outputs = write_tensors(builder, fields.outputs);
  flatbuffers::Offset<flatbuffers::Vector<uint8_t>> base_sha256;
  if (fields.has_base) base_sha256 = write_digest(builder, fields.base_sha256);

  fbs::ManifestBuilder manifest(builder);
  manifest.add_name(name);
  manifest.add_version(version);
  manifest.add_model_size(fields.model_size);
  manifest.add_model_sha256(model_sha256);
  manifest.add_body_size(fields.body_size);
  manifest.add_body_sha256(body_sha256);
  manifest.add_hardware(hardware);
  manifest.add_arena_bytes(fields.arena_bytes);
  manifest.add_operators(operators);
  manifest.add_custom_operators(custom);
  manifest.add_inputs(inputs);
  manifest.add_outputs(outputs);
  manifest.add_confirm_after_inferences(fields.confirm_after_inferences);
  manifest.add_warm_up_inferences(fields.warm_up_inferences);
  manifest.add_attempts(fields.attempts);
  manifest.add_base_sha256(base_sha256);
  manifest.add_counter(fields.counter);
  fbs::FinishManifestBuffer(builder, manifest.Finish());
  return bytes_of(builder);
}

std::vector<uint8_t> write_body(const BodyFields& fields) {
  flatbuffers::FlatBufferBuilder builder;
  const auto labels = builder.CreateVectorOfStrings(fields.labels);
  std::vector<flatbuffers::Offset<fbs::KeyValue>> pairs;
  for (const auto& [key, value] : fields.key_values) {
    pairs.push_back(fbs::CreateKeyValueDirect(builder, key.c_str(), value.c_str()));
  }
  std::vector<flatbuffers::Offset<fbs::Vector>> vectors;
  for (const VectorFields& vector : fields.vectors) {
    builder.ForceVectorAlignment(vector.input.size(), 1, 16);
    const auto input = builder.CreateVector(vector.input);
    builder.ForceVectorAlignment(vector.expected.size(), 1, 16);
    const auto expected = builder.CreateVector(vector.expected);
    vectors.push_back(fbs::CreateVector(builder, input, expected, vector.tolerance));
  }
  const auto key_values = builder.CreateVector(pairs);
  const auto all_vectors = builder.CreateVector(vectors);
  fbs::FinishBodyBuffer(builder, fbs::CreateBody(builder, labels, key_values, all_vectors));
  return bytes_of(builder);
}

std::vector<uint8_t> write_payload(Bytes model, Bytes body) {
  const PayloadLayout layout(static_cast<uint32_t>(model.size()), static_cast<uint32_t>(body.size()));
  std::vector<uint8_t> payload(model.begin(), model.end());
  if (body.empty()) return payload;
  payload.resize(layout.body_offset(), 0);
  payload.insert(payload.end(), body.begin(), body.end());
  return payload;
}

}  // namespace roost::protocol
