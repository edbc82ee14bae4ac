#include "protocol/manifest.h"

#include "base/flatbuffer_check.h"
#include "protocol/flatbuffer.h"

#include "protocol/manifest_generated.h"

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
constexpr size_t kSmallestBytes = 16;

constexpr size_t kNameMax = 24;
constexpr size_t kVersionMax = 16;
constexpr size_t kHardwareMax = 24;
constexpr uint8_t kAttemptsMax = 16;

bool read_digest(const flatbuffers::Vector<uint8_t>* from, Sha256* to) {
  if (from == nullptr || from->size() != kSha256Bytes) return false;
  for (size_t i = 0; i < kSha256Bytes; ++i) (*to)[i] = from->Get(static_cast<flatbuffers::uoffset_t>(i));
  return true;
}

bool is_tensor_type(uint8_t number) {
  return number <= 4 || number == 6 || number == 7 || number == 9;
}

bool read_tensor(const fbs::Tensor* from, TensorView* to) {
  if (!is_tensor_type(from->type())) return false;
  to->type = static_cast<TensorType>(from->type());
  to->rank = 0;
  if (const auto* shape = from->shape()) {
    if (shape->size() > kManifestRankMax) return false;
    to->rank = static_cast<uint8_t>(shape->size());
    for (flatbuffers::uoffset_t i = 0; i < shape->size(); ++i) {
      const int32_t dimension = shape->Get(i);
      if (dimension < 1 || dimension > kManifestDimensionMax) return false;
      to->shape[i] = dimension;
    }
  }
  to->scale = from->scale();
  to->zero_point = from->zero_point();
  return is_finite_not_negative(to->scale) && to->zero_point >= -32768 && to->zero_point <= 65535;
}

bool read_tensors(const flatbuffers::Vector<flatbuffers::Offset<fbs::Tensor>>* from,
                  std::array<TensorView, kManifestTensorsMax>* to, uint8_t* count) {
  *count = 0;
  if (from == nullptr) return true;
  if (from->size() > kManifestTensorsMax) return false;
  for (flatbuffers::uoffset_t i = 0; i < from->size(); ++i) {
    if (!read_tensor(from->Get(i), &(*to)[i])) return false;
  }
  *count = static_cast<uint8_t>(from->size());
  return true;
}

bool read_operators(const fbs::Manifest* from, ManifestView* to) {
  to->operators = OperatorNeeds();
  if (const auto* needs = from->operators()) {
    if (needs->size() > kManifestOperatorsMax) return false;
    to->operators = OperatorNeeds(Bytes(needs->Data(), needs->size() * sizeof(fbs::OperatorNeed)));
  }
  to->custom_operator_count = 0;
  if (const auto* names = from->custom_operators()) {
    if (names->size() > kManifestCustomMax) return false;
    for (flatbuffers::uoffset_t i = 0; i < names->size(); ++i) {
      if (!read_text(names->Get(i), 1, 64, &to->custom_operators[i])) return false;
    }
    to->custom_operator_count = static_cast<uint8_t>(names->size());
  }
  return true;
}

bool read_sizes_and_digests(const fbs::Manifest* from, ManifestView* to) {
  to->model_size = from->model_size();
  to->body_size = from->body_size();
  if (to->model_size == 0 || to->model_size > kPayloadBytesMax || to->body_size > kPayloadBytesMax) return false;
  if (to->layout().payload_size() > kPayloadBytesMax) return false;
  if (!read_digest(from->model_sha256(), &to->model_sha256)) return false;
  if (to->body_size != 0 && !read_digest(from->body_sha256(), &to->body_sha256)) return false;
  if (to->body_size == 0 && from->body_sha256() != nullptr) return false;
  to->has_base = from->base_sha256() != nullptr;
  return !to->has_base || read_digest(from->base_sha256(), &to->base_sha256);
}

bool read_policy(const fbs::Manifest* from, ManifestView* to) {
  to->arena_bytes = from->arena_bytes();
  to->confirm_after_inferences = from->confirm_after_inferences();
  to->warm_up_inferences = from->warm_up_inferences();
  to->attempts = from->attempts();
  to->counter = from->counter();
  return to->attempts >= 1 && to->attempts <= kAttemptsMax;
}

}  // namespace

Status read_manifest(Bytes bytes, ManifestView* view) {
  if (bytes.size() < kSmallestBytes) return Error::kTooShort;
  if (bytes.size() > kManifestBytesMax) return Error::kTooLong;
  if (!is_aligned_for_flatbuffers(bytes)) return Error::kMisaligned;
  if (!has_identifier(bytes, fbs::ManifestIdentifier())) return Error::kWrongType;
  if (!FlatCheck(bytes, kSchema, kTablesMax).check_root()) return Error::kMalformed;

  const fbs::Manifest* manifest = fbs::GetManifest(bytes.data());
  *view = ManifestView();
  const bool in_range =
      read_text(manifest->name(), 1, kNameMax, &view->name) &&
      read_text(manifest->version(), 1, kVersionMax, &view->version) &&
      read_text(manifest->hardware(), 0, kHardwareMax, &view->hardware) && read_sizes_and_digests(manifest, view) &&
      read_operators(manifest, view) && read_tensors(manifest->inputs(), &view->inputs, &view->input_count) &&
      read_tensors(manifest->outputs(), &view->outputs, &view->output_count) && read_policy(manifest, view);
  return in_range ? Status() : Status(Error::kRange);
}

}  // namespace protocol
}  // namespace roost
