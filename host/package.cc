#include "host/package.h"

#include <fmt/format.h>
#include <sodium.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "host/aligned_bytes.h"
#include "host/file.h"
#include "host/writer/package_check.h"
#include "protocol/manifest.h"
#include "protocol/package.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#include "runtime/model_view.h"

namespace roost::host {

namespace tflite = runtime::tflite;

namespace {

// The gate's scratch grows with the model; a device has 2 to 16 KiB of it, a host need not count.
constexpr size_t kHostScratchBytes = 1024 * 1024;

Outcome bad_model(const std::string& sentence) {
  return {ExitCode::kBadModel, "check", sentence};
}

std::string cut(const std::string& text, size_t bytes_max) {
  return text.substr(0, bytes_max);
}

using TensorIndices = flatbuffers::Vector<int32_t>;

// The manifest's description of inputs or outputs; empty where it has no room for them (the gate on the device
// looks at the model itself anyway).
std::vector<protocol::TensorFields> describe_tensors(const tflite::SubGraph* graph, const TensorIndices* indices) {
  std::vector<protocol::TensorFields> tensors;
  if (runtime::size_of(indices) > protocol::kManifestTensorsMax) return {};
  for (uint32_t i = 0; i < runtime::size_of(indices); ++i) {
    const auto* tensor = graph->tensors()->Get(static_cast<uint32_t>(indices->Get(i)));
    protocol::TensorFields fields;
    fields.type = static_cast<protocol::TensorType>(tensor->type());
    if (runtime::size_of(tensor->shape()) > protocol::kManifestRankMax) return {};
    for (uint32_t d = 0; d < runtime::size_of(tensor->shape()); ++d) {
      if (tensor->shape()->Get(d) > protocol::kManifestDimensionMax) return {};
      fields.shape.push_back(tensor->shape()->Get(d));
    }
    const auto* quantization = tensor->quantization();
    if (quantization && runtime::size_of(quantization->scale()) == 1) {
      fields.scale = quantization->scale()->Get(0);
      if (runtime::size_of(quantization->zero_point()) == 1) {
        fields.zero_point = static_cast<int32_t>(quantization->zero_point()->Get(0));
      }
    }
    tensors.push_back(std::move(fields));
  }
  return tensors;
}

// Each operator once, with the highest version used.
std::vector<protocol::OperatorNeed> operator_needs(const tflite::Model* model) {
  std::map<uint16_t, uint16_t> versions;
  for (const auto* graph : *model->subgraphs()) {
    for (uint32_t i = 0; i < runtime::size_of(graph->operators()); ++i) {
      const auto* code = model->operator_codes()->Get(graph->operators()->Get(i)->opcode_index());
      uint16_t& version = versions[static_cast<uint16_t>(runtime::builtin_operator(code))];
      version = std::max(version, static_cast<uint16_t>(code->version()));
    }
  }
  std::vector<protocol::OperatorNeed> needs;
  for (const auto& [code, version] : versions) {
    needs.emplace_back();
    needs.back().code = code;
    needs.back().version = version;
  }
  return needs;
}

// One JSON number as a tensor element; false when it does not fit the type.
bool append_element(const nlohmann::json& value, tflite::TensorType type, std::vector<uint8_t>* bytes) {
  if (!value.is_number()) return false;
  if (type == tflite::TensorType::FLOAT32) {
    const float number = value.get<float>();
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    bytes->resize(bytes->size() + 4);
    store_le32(bytes->data() + bytes->size() - 4, bits);
    return std::isfinite(number);
  }
  if (!value.is_number_integer()) return false;
  const uint32_t size = runtime::element_size(type);
  if (size == 0 || size > 8) return false;
  const int64_t number = value.get<int64_t>();
  const bool is_unsigned = type == tflite::TensorType::UINT8 || type == tflite::TensorType::BOOL;
  if (size < 8) {
    const int64_t span = int64_t{1} << (8 * size);
    if (is_unsigned ? number < 0 || number >= span : number < -span / 2 || number >= span / 2) return false;
  }
  for (uint32_t b = 0; b < size; ++b)
    bytes->push_back(static_cast<uint8_t>(static_cast<uint64_t>(number) >> (8 * b)));
  return true;
}

// A flat list of numbers for all tensors of `indices`, one after the other.
bool read_elements(const nlohmann::json& list, const tflite::SubGraph* graph, const TensorIndices* indices,
                   std::vector<uint8_t>* bytes) {
  if (!list.is_array()) return false;
  size_t next = 0;
  for (uint32_t i = 0; i < runtime::size_of(indices); ++i) {
    const auto* tensor = graph->tensors()->Get(static_cast<uint32_t>(indices->Get(i)));
    size_t count = 1;
    for (uint32_t d = 0; d < runtime::size_of(tensor->shape()); ++d) {
      count *= static_cast<size_t>(tensor->shape()->Get(d));
    }
    for (; count > 0; --count, ++next) {
      if (next >= list.size() || !append_element(list[next], tensor->type(), bytes)) return false;
    }
  }
  return next == list.size();
}

}  // namespace

Sha256 sha256(Bytes bytes) {
  Sha256 digest;
  crypto_hash_sha256(digest.data(), bytes.data(), bytes.size());
  return digest;
}

std::string hex(Bytes bytes) {
  std::string text;
  for (uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

Outcome judge_model(Bytes model, runtime::Judgement* judgement) {
  const AlignedBytes aligned(model);
  AlignedBytes scratch(kHostScratchBytes);
  runtime::GateInput input;
  input.kernels = runtime::all_kernels();
  runtime::Report report;
  if (runtime::ModelGate(input).judge(aligned.bytes(), scratch.span(), judgement, &report)) return {};
  char text[200];
  runtime::describe(report, text);
  return bad_model(text);
}

Outcome build_package(Bytes model, const PackageOptions& options, Package* package) {
  *package = Package();
  Outcome judged = judge_model(model, &package->judgement);
  if (judged.code != ExitCode::kOk) return judged;
  package->model_bytes = static_cast<uint32_t>(model.size());
  package->model_sha256 = sha256(model);
  package->name = cut(options.name.empty() ? "model" : options.name, protocol::kNameBytesMax);
  package->version = cut(options.version.empty() ? hex(Bytes(package->model_sha256).first(4)) : options.version,
                         protocol::kVersionBytesMax);
  package->hardware = options.hardware;

  const std::vector<uint8_t> body =
      options.body.empty() ? std::vector<uint8_t>() : protocol::write_body(options.body);
  package->payload = protocol::write_payload(model, body);

  const AlignedBytes aligned(model);
  const tflite::Model* file = tflite::GetModel(aligned.bytes().data());
  protocol::ManifestFields fields;
  fields.name = package->name;
  fields.version = package->version;
  fields.model_size = package->model_bytes;
  fields.model_sha256 = package->model_sha256;
  fields.body_size = static_cast<uint32_t>(body.size());
  if (!body.empty()) fields.body_sha256 = sha256(body);
  fields.hardware = options.hardware;
  fields.arena_bytes = package->judgement.arena_bytes;
  fields.operators = operator_needs(file);
  fields.inputs = describe_tensors(file->subgraphs()->Get(0), file->subgraphs()->Get(0)->inputs());
  fields.outputs = describe_tensors(file->subgraphs()->Get(0), file->subgraphs()->Get(0)->outputs());
  fields.confirm_after_inferences = options.confirm_after;
  fields.warm_up_inferences = options.warm_up;
  fields.attempts = options.attempts;
  fields.counter = options.counter;
  package->manifest = protocol::write_manifest(fields);
  // What we made must read back, and follow the rules: an option out of range ends here.
  const AlignedBytes manifest(package->manifest);
  if (options.attempts == 0 || package->manifest.size() > protocol::kManifestBytesMax ||
      !protocol::follows_rules(protocol::read_manifest(manifest.bytes()))) {
    return {ExitCode::kUsage, "check",
            fmt::format("these options make no valid manifest ({} bytes of at most {}; hardware at most {} bytes; "
                        "attempts 1 to 16)",
                        package->manifest.size(), protocol::kManifestBytesMax, protocol::kHardwareBytesMax)};
  }
  if (!body.empty() && !protocol::follows_rules(protocol::read_body(AlignedBytes(body).bytes()))) {
    return {ExitCode::kUsage, "check",
            fmt::format("these labels, settings or self-test vectors make no valid package (at most {}, {} and {}; "
                        "texts at most 4096 bytes; labels and keys without control characters)",
                        protocol::kBodyLabelsMax, protocol::kBodyKeyValuesMax, protocol::kBodyVectorsMax)};
  }
  package->id = protocol::package_id(sha256(package->manifest));
  return {};
}

Outcome check_fit(const Package& package, const protocol::Info& info) {
  const std::string hardware(info.hardware.text().data(), info.hardware.text().size());
  if (!package.hardware.empty() && package.hardware != hardware) {
    return {ExitCode::kRefused, "check",
            fmt::format(
                "this package is for {} and the device is a {}: push it to the right one, or leave --hardware out",
                package.hardware, hardware)};
  }
  if (package.payload.size() > info.head.payload_bytes_max) {
    return {ExitCode::kDoesNotFit, "check",
            fmt::format(
                "model and body have {} bytes and a slot of this device holds {}: use a smaller model or a device "
                "with a larger region",
                package.payload.size(), info.head.payload_bytes_max)};
  }
  if (package.judgement.arena_bytes > info.arena_bytes) {
    return {
        ExitCode::kDoesNotFit, "check",
        fmt::format("the model needs an arena of {} bytes and this device has {}: use a smaller model, or give the "
                    "firmware a larger arena",
                    package.judgement.arena_bytes, info.arena_bytes)};
  }
  return {};
}

Outcome read_vectors(const std::string& path, Bytes model, std::vector<protocol::VectorFields>* vectors) {
  std::vector<uint8_t> text;
  std::string error;
  if (!read_file(path, kModelFileBytesMax, &text, &error)) return {ExitCode::kFile, "check", error};
  return parse_vectors(std::string(text.begin(), text.end()), path, model, vectors);
}

Outcome parse_vectors(const std::string& text, const std::string& name, Bytes model,
                      std::vector<protocol::VectorFields>* vectors) {
  runtime::Judgement judgement;
  Outcome judged = judge_model(model, &judgement);
  if (judged.code != ExitCode::kOk) return judged;
  const auto usage = [&](const std::string& what) {
    return Outcome{ExitCode::kUsage, "check", name + ": " + what};
  };
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("vectors") || !json["vectors"].is_array()) {
    return usage(
        "not a self-test file: {\"vectors\": [{\"input\": [...], \"output\": [...], \"tolerance\": 0}]} is");
  }
  const AlignedBytes aligned(model);
  const auto* graph = tflite::GetModel(aligned.bytes().data())->subgraphs()->Get(0);
  for (const auto& entry : json["vectors"]) {
    protocol::VectorFields vector;
    const size_t number = vectors->size() + 1;
    if (!entry.is_object() ||
        !read_elements(entry.value("input", nlohmann::json()), graph, graph->inputs(), &vector.input)) {
      return usage(fmt::format("the input of vector {} does not match the model's inputs", number));
    }
    if (!read_elements(entry.value("output", nlohmann::json()), graph, graph->outputs(), &vector.expected)) {
      return usage(fmt::format("the output of vector {} does not match the model's outputs", number));
    }
    const auto tolerance = entry.value("tolerance", nlohmann::json(0));
    if (!tolerance.is_number() || tolerance.get<float>() < 0) {
      return usage(fmt::format("the tolerance of vector {} is not a number of 0 or more", number));
    }
    vector.tolerance = tolerance.get<float>();
    vectors->push_back(std::move(vector));
  }
  return {};
}

}  // namespace roost::host
