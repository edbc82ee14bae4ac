#include "protocol/manifest.h"

#include <string.h>

#include "base/bytes.h"
#include "protocol/flatbuffer.h"

namespace roost {
namespace protocol {
namespace {

// The tables of manifest.fbs, field by field.
enum : uint32_t {
  kName,
  kVersion,
  kModelSize,
  kModelSha256,
  kBodySize,
  kBodySha256,
  kHardware,
  kArenaBytes,
  kOperators,
  kCustomOperators,
  kInputs,
  kOutputs,
  kConfirmAfterInferences,
  kWarmUpInferences,
  kAttempts,
  kBaseSha256,
  kCounter,
};
enum : uint32_t { kType, kShape, kScale, kZeroPoint };
constexpr uint32_t kOperatorNeedBytes = 4;
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

constexpr uint32_t kNameMax = 24;
constexpr uint32_t kVersionMax = 16;
constexpr uint32_t kHardwareMax = 24;
constexpr uint32_t kCustomNameMax = 64;
constexpr uint8_t kAttemptsDefault = 3;
constexpr uint8_t kAttemptsMax = 16;

bool read_digest(FlatVector from, bool required, Sha256* to) {
  to->fill(0);
  if (from.absent()) return !required;
  if (from.size() != kSha256Bytes) return false;
  memcpy(to->data(), from.data(), kSha256Bytes);
  return true;
}

bool is_tensor_type(uint8_t number) {
  return number <= 4 || number == 6 || number == 7 || number == 9;
}

bool read_tensor(FlatView from, TensorView* to) {
  const uint8_t* type_at = from.find(kType);
  const uint8_t type = type_at == nullptr ? 0 : *type_at;
  const FlatVector shape = from.vector(kShape);
  if (!is_tensor_type(type) || shape.size() > kManifestRankMax) return false;
  to->type = static_cast<TensorType>(type);
  to->rank = static_cast<uint8_t>(shape.size());
  for (uint32_t i = 0; i < to->rank; ++i) {
    to->shape[i] = static_cast<int32_t>(load_le32(shape.data() + 4 * i));
    if (to->shape[i] < 1 || to->shape[i] > kManifestDimensionMax) return false;
  }
  const uint32_t scale_bits = from.u32(kScale);
  memcpy(&to->scale, &scale_bits, sizeof(to->scale));
  to->zero_point = static_cast<int32_t>(from.u32(kZeroPoint));
  return is_finite_not_negative(scale_bits) && to->zero_point >= -32768 && to->zero_point <= 65535;
}

bool read_tensors(FlatVector from, std::array<TensorView, kManifestTensorsMax>* to, uint8_t* count) {
  if (from.size() > kManifestTensorsMax) return false;
  *count = static_cast<uint8_t>(from.size());
  for (uint32_t i = 0; i < *count; ++i) {
    if (!read_tensor(from.table_at(i), &(*to)[i])) return false;
  }
  return true;
}

bool read_operators(FlatView from, ManifestView* to) {
  const FlatVector needs = from.vector(kOperators);
  const FlatVector names = from.vector(kCustomOperators);
  if (needs.size() > kManifestOperatorsMax || names.size() > kManifestCustomMax) return false;
  to->operators = OperatorNeeds(Bytes(needs.data(), needs.size() * kOperatorNeedBytes));
  to->custom_operator_count = static_cast<uint8_t>(names.size());
  for (uint32_t i = 0; i < to->custom_operator_count; ++i) {
    if (!read_text(names.text_at(i), 1, kCustomNameMax, &to->custom_operators[i])) return false;
  }
  return true;
}

bool read_sizes_and_digests(FlatView from, ManifestView* to) {
  to->model_size = from.u32(kModelSize);
  to->body_size = from.u32(kBodySize);
  if (to->model_size == 0 || to->model_size > kPayloadBytesMax || to->body_size > kPayloadBytesMax) return false;
  if (to->layout().payload_size() > kPayloadBytesMax) return false;
  to->has_base = from.find(kBaseSha256) != nullptr;
  const bool has_body = to->body_size != 0;
  return has_body == (from.find(kBodySha256) != nullptr) &&
         read_digest(from.vector(kModelSha256), true, &to->model_sha256) &&
         read_digest(from.vector(kBodySha256), has_body, &to->body_sha256) &&
         read_digest(from.vector(kBaseSha256), false, &to->base_sha256);
}

bool read_policy(FlatView from, ManifestView* to) {
  to->arena_bytes = from.u32(kArenaBytes);
  to->confirm_after_inferences = from.u32(kConfirmAfterInferences);
  to->warm_up_inferences = from.u32(kWarmUpInferences);
  const uint8_t* attempts = from.find(kAttempts);
  const uint8_t* counter = from.find(kCounter);
  to->attempts = attempts == nullptr ? kAttemptsDefault : *attempts;
  to->counter = counter == nullptr ? 0 : load_le64(counter);
  return to->attempts >= 1 && to->attempts <= kAttemptsMax;
}

}  // namespace

ManifestView::ManifestView() = default;

Status read_manifest(Bytes bytes, ManifestView* view) {
  const Error error = check_file(bytes, kManifestBytesMax, "RST1", kSchema, kTablesMax);
  if (error != Error::kNone) return error;
  const FlatView from = FlatView::root(bytes.data());
  const bool in_range =
      read_text(from.vector(kName), 1, kNameMax, &view->name) &&
      read_text(from.vector(kVersion), 1, kVersionMax, &view->version) &&
      read_text(from.vector(kHardware), 0, kHardwareMax, &view->hardware) && read_sizes_and_digests(from, view) &&
      read_operators(from, view) && read_tensors(from.vector(kInputs), &view->inputs, &view->input_count) &&
      read_tensors(from.vector(kOutputs), &view->outputs, &view->output_count) && read_policy(from, view);
  return in_range ? Status() : Status(Error::kRange);
}

}  // namespace protocol
}  // namespace roost
