#include "protocol/manifest.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace protocol {
namespace {

// The tables of manifest.fbs, field by field.
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
    flat_tables(1),                 // inputs
    flat_tables(1),                 // outputs
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
const FlatLimit kLimits[] = {
    limit(FlatLimit::kText, ManifestField::kName, 1, 24),
    limit(FlatLimit::kText, ManifestField::kVersion, 1, 16),
    limit(FlatLimit::kText, ManifestField::kHardware, 0, 24),
    limit(FlatLimit::kVector, ManifestField::kModelSha256, kSha256Bytes, kSha256Bytes),
    limit(FlatLimit::kVector, ManifestField::kBodySha256, kSha256Bytes, kSha256Bytes),
    limit(FlatLimit::kVector, ManifestField::kBaseSha256, kSha256Bytes, kSha256Bytes),
    limit(FlatLimit::kVector, ManifestField::kOperators, 0, kManifestOperatorsMax),
    limit(FlatLimit::kVector, ManifestField::kCustomOperators, 0, kManifestCustomMax),
    limit(FlatLimit::kTexts, ManifestField::kCustomOperators, 1, 64),
    limit(FlatLimit::kVector, ManifestField::kInputs, 0, kManifestTensorsMax),
    limit(FlatLimit::kVector, ManifestField::kOutputs, 0, kManifestTensorsMax),
    kFlatLimitsEnd,
};
const FlatLimit kTensorLimits[] = {
    FlatLimit(FlatLimit::kVector, TensorView::kShape, 0, kManifestRankMax),
    FlatLimit(FlatLimit::kFloat, TensorView::kScale),
    kFlatLimitsEnd,
};

const FlatFormat kFormat = {"RST1", kManifestBytesMax, kSchema, kTablesMax, kLimits};

constexpr uint8_t kAttemptsDefault = 3;
constexpr uint8_t kAttemptsMax = 16;
constexpr uint32_t kTensorTypes = 0x2DF;  // bit n: there is a type n

bool check_tensor(FlatView tensor) {
  const uint32_t type = tensor.u8(TensorView::kType);
  if (type >= 32 || (kTensorTypes >> type & 1) == 0 || !check_limits(tensor, kTensorLimits)) return false;
  const FlatVector shape = tensor.vector(TensorView::kShape);
  for (uint32_t i = 0; i < shape.size(); ++i) {
    if (shape.u32_at(i) - 1 >= static_cast<uint32_t>(kManifestDimensionMax)) return false;
  }
  return tensor.u32(TensorView::kZeroPoint) + 32768 <= 32768 + 65535;
}

bool check_tensors(FlatVector tensors) {
  for (uint32_t i = 0; i < tensors.size(); ++i) {
    if (!check_tensor(tensors.table_at(i))) return false;
  }
  return true;
}

}  // namespace

Sha256 ManifestView::digest(ManifestField field) const {
  Sha256 digest{};
  const FlatVector from = vector(field);
  memcpy(digest.data(), from.data(), from.size());  // all of it, or nothing
  return digest;
}

uint8_t ManifestView::attempts() const {
  return has(ManifestField::kAttempts) ? root_.u8(static_cast<uint32_t>(ManifestField::kAttempts))
                                       : kAttemptsDefault;
}

uint64_t ManifestView::counter() const {
  const uint8_t* counter = root_.find(static_cast<uint32_t>(ManifestField::kCounter));
  return counter == nullptr ? 0 : flat_load<uint64_t>(counter);
}

Status read_manifest(Bytes bytes, ManifestView* view) {
  const Error error = check_file(bytes, kFormat, &view->root_);
  if (error != Error::kNone) return error;
  const PayloadLayout layout = view->layout();
  const uint32_t attempts = view->attempts();
  const bool in_range = check_tensors(view->vector(ManifestField::kInputs)) &&
                        check_tensors(view->vector(ManifestField::kOutputs)) && layout.model_size() != 0 &&
                        layout.model_size() <= kPayloadBytesMax && layout.body_size() <= kPayloadBytesMax &&
                        layout.payload_size() <= kPayloadBytesMax &&
                        (layout.body_size() != 0) == view->has(ManifestField::kBodySha256) && attempts >= 1 &&
                        attempts <= kAttemptsMax;
  return in_range ? Status() : Status(Error::kRange);
}

}  // namespace protocol
}  // namespace roost
