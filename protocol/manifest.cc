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
    kFlatEnd,
};
const uint8_t kTensorFields[] = {
    flat_scalar(1),  // type
    flat_vector(4),  // shape
    flat_scalar(4),  // scale
    flat_scalar(4),  // zero_point
    kFlatEnd,
};
const FlatTable kSchema[] = {kManifestFields, kTensorFields};

}  // namespace

Sha256 ManifestView::digest(ManifestField field) const {
  Sha256 digest{};
  const FlatVector from = vector(field);
  if (from.size() == kSha256Bytes) memcpy(digest.data(), from.data(), kSha256Bytes);
  return digest;
}

bool ManifestView::has_digests() const {
  const size_t model = vector(ManifestField::kModelSha256).size();
  const size_t body = vector(ManifestField::kBodySha256).size();
  const size_t base = vector(ManifestField::kBaseSha256).size();
  return model == kSha256Bytes && body == (body_size() != 0 ? kSha256Bytes : 0) &&
         (base == 0 || base == kSha256Bytes);
}

ManifestView read_manifest(Bytes bytes) {
  return ManifestView(FlatView(flat_root(bytes, flat_identifier("RST1"), kSchema)));
}

}  // namespace protocol
}  // namespace roost
