// Small models whose answers a test can foretell, and the packages they travel in.
//
//   ToyPackage toy = toy_package({.key = 7, .version = "1"});     // out = in ^ 7, with one self-test vector
//   toy.expected(input)
#pragma once

#include <string>
#include <vector>

#include "base/span.h"
#include "host/writer/package_writer.h"
#include "runtime/kernel.h"

namespace roost::device::test {

constexpr size_t kToyElements = 16;
using ToyValues = std::vector<uint8_t>;  // kToyElements of int8

// Every kernel of the runtime, and those of the toys.
runtime::KernelList toy_kernels();

enum class Flaw {
  kNone,
  kDigestWrong,        // the manifest promises another model
  kBodyMalformed,      // the body's digest is right, but it is no body
  kSelfTestWrong,      // a vector that the model does not fulfil
  kSelfTestSize,       // a vector of another size than the inputs
  kModelMalformed,     // the digest is right, but it is no model
  kOperatorHidden,     // the model uses an operator the device lacks, and the manifest does not say so
  kOperatorMissing,    // the manifest says so
  kOperatorVersion,    // a version the device lacks
  kArenaHidden,        // the model needs more arena than the device has; the manifest says little
  kArenaTooSmall,      // the manifest says so
  kManifestMalformed,
  kHardware,           // for other hardware
  kBase,               // a delta against a model that is not there
  kCustomOperator,
};
constexpr Flaw kAllFlaws[] = {
    Flaw::kDigestWrong,     Flaw::kBodyMalformed,   Flaw::kSelfTestWrong, Flaw::kSelfTestSize,
    Flaw::kModelMalformed,  Flaw::kOperatorHidden,  Flaw::kOperatorMissing, Flaw::kOperatorVersion,
    Flaw::kArenaHidden,     Flaw::kArenaTooSmall,   Flaw::kManifestMalformed, Flaw::kHardware,
    Flaw::kBase,            Flaw::kCustomOperator};
// Such a package is found out by its manifest alone: it may cost no erase, no program and no record.
bool refused_by_manifest(Flaw flaw);

struct ToyOptions {
  uint8_t key = 1;             // the model answers in ^ key
  std::string version = "1";   // another version is another package, though the model be the same
  size_t filler_bytes = 3000;  // of weights that nothing uses
  bool brittle = false;        // an inference fails when the first input is negative
  uint32_t width = kToyElements;
  uint32_t confirm_after = 0;
  uint32_t warm_up = 0;
  uint8_t attempts = 3;
  uint64_t counter = 0;
  bool body = true;
  std::string hardware = {};
  Flaw flaw = Flaw::kNone;
};

struct ToyPackage {
  ToyOptions options;
  std::vector<uint8_t> manifest;
  std::vector<uint8_t> payload;
  uint32_t id = 0;
  uint32_t model_size = 0;
  uint32_t arena_bytes = 0;  // what its manifest says

  Bytes model() const { return Bytes(payload.data(), model_size); }
  ToyValues expected(const ToyValues& input) const;
};

ToyPackage toy_package(const ToyOptions& options);

// A package around any model: `fields` says what its manifest says, but sizes and digests.
ToyPackage package_around(Bytes model, const protocol::BodyFields& body, protocol::ManifestFields fields);

}  // namespace roost::device::test
