// From a .tflite file and what the user says about it to a package: manifest and payload, ready to send.
//
// The same file and options always give the same manifest bytes, hence the same package id: that is how a device
// knows, from any host, that it holds half of this already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "host/exit_code.h"
#include "host/writer/package_writer.h"
#include "protocol/info.h"
#include "runtime/gate.h"

namespace roost::host {

// Larger files are no models for a microcontroller, and no device of ours has that much flash.
constexpr size_t kModelFileBytesMax = 16 * 1024 * 1024;

struct PackageOptions {
  std::string name;           // empty: from the file's name
  std::string version;        // empty: the first eight hex digits of the model's SHA-256
  std::string hardware;       // empty: any
  protocol::BodyFields body;  // labels, settings, self-test vectors
  uint32_t confirm_after = 0;
  uint32_t warm_up = 0;
  uint8_t attempts = 3;
  uint64_t counter = 0;
};

struct Package {
  std::string name, version;
  std::vector<uint8_t> manifest;
  std::vector<uint8_t> payload;
  uint32_t id = 0;
  uint32_t model_bytes = 0;
  Sha256 model_sha256{};
  std::string hardware;
  runtime::Judgement judgement = {};
};

Sha256 sha256(Bytes bytes);
std::string hex(Bytes bytes);

// What the gate says of a model with every kernel we have, as an outcome: kOk and the judgement, or kBadModel and
// the sentence. `model` may have any alignment.
Outcome judge_model(Bytes model, runtime::Judgement* judgement);

Outcome build_package(Bytes model, const PackageOptions& options, Package* package);

// Whether this package can go to this device at all: kOk, kDoesNotFit or kRefused with the sentence.
Outcome check_fit(const Package& package, const protocol::Info& info);

// Self-test vectors from a JSON file: {"vectors": [{"input": [...], "output": [...], "tolerance": 0}]}, values as
// the model's tensors have them (int8 as integers, float32 as numbers), all inputs one after the other.
Outcome read_vectors(const std::string& path, Bytes model, std::vector<protocol::VectorFields>* vectors);
// The same from the text of such a file; `name` is for the sentences.
Outcome parse_vectors(const std::string& text, const std::string& name, Bytes model,
                      std::vector<protocol::VectorFields>* vectors);

}  // namespace roost::host
