#include "protocol/manifest.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace protocol {
namespace {

// The tables of manifest.fbs, field by field.
constexpr unsigned kTensorRow = 1;
const uint8_t kManifestFields[] = {
    flat_text(kFlatRequired),       // name
    flat_text(kFlatRequired),       // version
    flat_scalar(4),                 // model_size
    flat_vector(1, kFlatRequired),  // model_sha256
    flat_scalar(4),                 // body_size
    flat_vector(1),                 // body_sha256
    flat_text(),                    // hardware
    flat_scalar(4),                 // arena_bytes
    flat_vector(4),                 // operators
    flat_texts(),                   // custom_operators
    flat_tables(kTensorRow),        // inputs
    flat_tables(kTensorRow),        // outputs
    flat_scalar(4),                 // confirm_after_inferences
    flat_scalar(4),                 // warm_up_inferences
    flat_scalar(1),                 // attempts
    flat_vector(1),                 // base_sha256
    flat_scalar(8),                 // counter
};
const uint8_t kTensorFields[] = {
    flat_scalar(1),  // type
    flat_vector(4),  // shape
    flat_scalar(4),  // scale
    flat_scalar(4),  // zero_point
};
const FlatTable kSchema[] = {FlatTable(kManifestFields), FlatTable(kTensorFields)};

// Keeps a hostile manifest from costing more than it is worth.
constexpr uint32_t kTablesMax = 1 + 2 * kManifestTensorsMax;

constexpr FlatLimit limit(FlatLimit::Kind kind, ManifestField field, unsigned size_min, unsigned size_max) {
  return FlatLimit(kind, static_cast<unsigned>(field), size_min, size_max);
}
constexpr uint32_t kTensorTypes = 0x2DF;  // bit n: there is a type n
const FlatLimit kManifestLimits[] = {
    limit(FlatLimit::kText, ManifestField::kName, 1, 24),
    limit(FlatLimit::kText, ManifestField::kVersion, 1, 16),
    limit(FlatLimit::kText, ManifestField::kHardware, 0, 24),
    limit(FlatLimit::kVector, ManifestField::kModelSha256, kSha256Bytes, kSha256Bytes),
    limit(FlatLimit::kVector, ManifestField::kBodySha256, kSha256Bytes, kSha256Bytes),
    limit(FlatLimit::kVector, ManifestField::kBaseSha256, kSha256Bytes, kSha256Bytes),
    limit(FlatLimit::kVector, ManifestField::kOperators, 0, kManifestOperatorsMax),
    limit(FlatLimit::kVector, ManifestField::kCustomOperators, 0, kManifestCustomMax),
    limit(FlatLimit::kTexts, ManifestField::kCustomOperators, 1, 64),
    limit(FlatLimit::kTables, ManifestField::kInputs, kTensorRow, kManifestTensorsMax),
    limit(FlatLimit::kTables, ManifestField::kOutputs, kTensorRow, kManifestTensorsMax),
    kFlatLimitsEnd,
};
const FlatLimit kTensorLimits[] = {
    FlatLimit(FlatLimit::kOneOf, TensorView::kType, 0, kTensorTypes),
    FlatLimit(FlatLimit::kVector, TensorView::kShape, 0, kManifestRankMax),
    FlatLimit(FlatLimit::kNumbers, TensorView::kShape, 1, kManifestDimensionMax),
    FlatLimit(FlatLimit::kFloat, TensorView::kScale),
    FlatLimit(FlatLimit::kZeroPoint, TensorView::kZeroPoint),
    kFlatLimitsEnd,
};
const FlatLimit* const kLimits[] = {kManifestLimits, kTensorLimits};

const FlatFormat kFormat = {flat_identifier("RST1"), kManifestBytesMax, kSchema, kTablesMax, kLimits};

constexpr uint8_t kAttemptsDefault = 3;
constexpr uint8_t kAttemptsMax = 16;

}  // namespace

Sha256 ManifestView::digest(ManifestField field) const {
  Sha256 digest{};
  const FlatVector from = vector(field);
  memcpy(digest.data(), from.data(), from.size());  // all of it, or nothing
  return digest;
}

uint8_t ManifestView::attempts() const {
  const uint8_t* attempts = find(ManifestField::kAttempts);
  return attempts == nullptr ? kAttemptsDefault : *attempts;
}

uint64_t ManifestView::counter() const {
  const uint8_t* counter = find(ManifestField::kCounter);
  return counter == nullptr ? 0 : flat_load<uint64_t>(counter);
}

Status read_manifest(Bytes bytes, ManifestView* view) {
  const Status checked = check_file(bytes, kFormat, &view->root_);
  if (!checked.ok()) return checked;
  const PayloadLayout layout = view->layout();
  const uint32_t attempts = view->attempts();
  const bool in_range = layout.model_size() - 1 < kPayloadBytesMax && layout.body_size() <= kPayloadBytesMax &&
                        layout.payload_size() <= kPayloadBytesMax &&
                        (layout.body_size() != 0) == view->has(ManifestField::kBodySha256) && attempts >= 1 &&
                        attempts <= kAttemptsMax;
  return in_range ? Status() : Status(Error::kRange);
}

}  // namespace protocol
}  // namespace roost
