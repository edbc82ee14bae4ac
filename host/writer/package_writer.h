// Makes what protocol/manifest.h and protocol/body.h read. For hosts and tests: C++20, with a heap, hence in host/,
// in the namespace of the readers whose other half it is.
//
//   ManifestFields fields{.name = "gesture", .version = "2", .model_size = ..., ...};
//   std::vector<uint8_t> manifest = write_manifest(fields);
//   std::vector<uint8_t> payload = write_payload(model, body);
#pragma once

#include <stdint.h>

#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "protocol/manifest.h"

namespace roost::protocol {

struct TensorFields {
  TensorType type = TensorType::kInt8;
  std::vector<int32_t> shape;
  float scale = 0;
  int32_t zero_point = 0;
};

struct ManifestFields {
  std::string name;
  std::string version;
  uint32_t model_size = 0;
  Sha256 model_sha256{};
  uint32_t body_size = 0;
  Sha256 body_sha256{};
  std::string hardware;
  uint32_t arena_bytes = 0;
  std::vector<OperatorNeed> operators;
  std::vector<std::string> custom_operators;
  std::vector<TensorFields> inputs;
  std::vector<TensorFields> outputs;
  uint32_t confirm_after_inferences = 0;
  uint32_t warm_up_inferences = 0;
  uint8_t attempts = 3;
  bool has_base = false;
  Sha256 base_sha256{};
  uint64_t counter = 0;
};

struct VectorFields {
  std::vector<uint8_t> input;
  std::vector<uint8_t> expected;
  float tolerance = 0;
};

struct BodyFields {
  std::vector<std::string> labels;
  std::vector<std::pair<std::string, std::string>> key_values;
  std::vector<VectorFields> vectors;
  bool empty() const { return labels.empty() && key_values.empty() && vectors.empty(); }
};

// The result may break the rules for packages: see package_check.h before sending it.
std::vector<uint8_t> write_manifest(const ManifestFields& fields);
std::vector<uint8_t> write_body(const BodyFields& fields);

// Model, zero bytes to the next multiple of 16 if there is a body, body.
std::vector<uint8_t> write_payload(Bytes model, Bytes body);

}  // namespace roost::protocol
