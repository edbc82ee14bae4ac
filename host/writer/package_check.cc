#include "host/writer/package_check.h"

#include <algorithm>
#include <cmath>

namespace roost::protocol {
namespace {

constexpr size_t kCustomNameBytesMax = 64;
constexpr size_t kTextBytesMax = 4096;

// Texts end up on terminals.
bool is_text(Text text, size_t least, size_t most) {
  return text.size() >= least && text.size() <= most && std::none_of(text.begin(), text.end(), is_control);
}

template <typename List, typename Rule>
bool all_of(const List& list, size_t count_max, Rule rule) {
  if (list.size() > count_max) return false;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!rule(list[i])) return false;
  }
  return true;
}

bool is_type(TensorType type) {
  switch (type) {
    case TensorType::kFloat32:
    case TensorType::kFloat16:
    case TensorType::kInt32:
    case TensorType::kUint8:
    case TensorType::kInt64:
    case TensorType::kBool:
    case TensorType::kInt16:
    case TensorType::kInt8:
      return true;
  }
  return false;
}

bool is_tensor(const TensorView& tensor) {
  const auto is_dimension = [](int32_t size) { return size >= 1 && size <= kManifestDimensionMax; };
  return is_type(tensor.type()) && all_of(tensor.shape(), kManifestRankMax, is_dimension) &&
         std::isfinite(tensor.scale()) && tensor.scale() >= 0 && tensor.zero_point() >= -32768 &&
         tensor.zero_point() <= 65535;
}

// Each by itself first, so that the sum cannot wrap.
bool has_sizes(const ManifestView& manifest) {
  return manifest.model_size() != 0 && manifest.model_size() <= kPayloadBytesMax &&
         manifest.body_size() <= kPayloadBytesMax && manifest.layout().payload_size() <= kPayloadBytesMax;
}

}  // namespace

bool follows_rules(const ManifestView& manifest) {
  const auto is_custom_name = [](Text name) { return is_text(name, 1, kCustomNameBytesMax); };
  return manifest.ok() && is_text(manifest.name(), 1, kNameBytesMax) &&
         is_text(manifest.version(), 1, kVersionBytesMax) && is_text(manifest.hardware(), 0, kHardwareBytesMax) &&
         has_sizes(manifest) && manifest.has_digests() && manifest.attempts() <= kManifestAttemptsMax &&
         manifest.operators().size() <= kManifestOperatorsMax &&
         all_of(manifest.custom_operators(), kManifestCustomMax, is_custom_name) &&
         all_of(manifest.inputs(), kManifestTensorsMax, is_tensor) &&
         all_of(manifest.outputs(), kManifestTensorsMax, is_tensor);
}

bool follows_rules(const BodyView& body) {
  if (!body.ok() || body.label_count() > kBodyLabelsMax || body.key_value_count() > kBodyKeyValuesMax) return false;
  for (size_t i = 0; i < body.label_count(); ++i) {
    if (!is_text(body.label(i), 0, kTextBytesMax)) return false;
  }
  for (size_t i = 0; i < body.key_value_count(); ++i) {
    const KeyValueView pair = body.key_value(i);
    if (!is_text(pair.key, 1, kTextBytesMax) || pair.value.size() > kTextBytesMax) return false;
  }
  return all_of(body.vectors(), kBodyVectorsMax, [](const VectorView& vector) {
    return !vector.expected().empty() && std::isfinite(vector.tolerance()) && vector.tolerance() >= 0;
  });
}

}  // namespace roost::protocol
