// A bounds-checked view of manifest bytes (protocol/manifest.fbs, identifier RST1).
//
//   const ManifestView view = read_manifest(bytes);   // borrows from bytes
//   if (!view.ok()) return ...;
//   view.name(), view.inputs()[0].shape();         // decoded when asked for
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/span.h"
#include "protocol/flatbuffer.h"
#include "protocol/package.h"

namespace roost {
namespace protocol {

// Numbers as in the TFLite schema.
enum class TensorType : uint8_t {
  kFloat32 = 0,
  kFloat16 = 1,
  kInt32 = 2,
  kUint8 = 3,
  kInt64 = 4,
  kBool = 6,
  kInt16 = 7,
  kInt8 = 9,
};

constexpr size_t kNameBytesMax = 24;
constexpr size_t kVersionBytesMax = 16;
constexpr size_t kHardwareBytesMax = 24;
constexpr size_t kManifestTensorsMax = 4;
constexpr size_t kManifestOperatorsMax = 64;
constexpr size_t kManifestCustomMax = 8;
constexpr size_t kManifestRankMax = 6;
constexpr int32_t kManifestDimensionMax = 65535;
constexpr uint8_t kManifestAttemptsDefault = 3;
constexpr uint8_t kManifestAttemptsMax = 16;

// Its fields, in the order of manifest.fbs.
enum class ManifestField : uint8_t {
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

// Lists in a manifest: an index is less than size().
class OperatorNeeds {
 public:
  struct Need {
    uint16_t code;  // BuiltinOperator of the TFLite schema
    uint16_t version;
  };

  explicit OperatorNeeds(FlatVector from) : from_(from) {}
  size_t size() const { return from_.size(); }
  Need operator[](size_t index) const {
    const uint32_t need = from_.u32_at(static_cast<uint32_t>(index));
    return Need{static_cast<uint16_t>(need), static_cast<uint16_t>(need >> 16)};
  }

 private:
  FlatVector from_;
};
using OperatorNeed = OperatorNeeds::Need;

class Texts {
 public:
  explicit Texts(FlatVector from) : from_(from) {}
  size_t size() const { return from_.size(); }
  Text operator[](size_t index) const { return from_.text_at(static_cast<uint32_t>(index)).text(); }

 private:
  FlatVector from_;
};

class Shape {
 public:
  explicit Shape(FlatVector from) : from_(from) {}
  size_t size() const { return from_.size(); }  // the rank
  int32_t operator[](size_t index) const {
    return static_cast<int32_t>(from_.u32_at(static_cast<uint32_t>(index)));
  }

 private:
  FlatVector from_;
};

class TensorView {
 public:
  enum Field : uint32_t { kType, kShape, kScale, kZeroPoint };

  explicit TensorView(FlatView from) : from_(from) {}
  TensorType type() const { return static_cast<TensorType>(from_.u8(kType)); }
  Shape shape() const { return Shape(from_.vector(kShape)); }
  float scale() const { return from_.f32(kScale); }  // 0: need not match
  int32_t zero_point() const { return static_cast<int32_t>(from_.u32(kZeroPoint)); }

 private:
  FlatView from_;
};

using TensorViews = FlatTables<TensorView>;

// Of nothing, or of bytes that are no manifest: every field is absent.
class ManifestView {
 public:
  ManifestView() = default;
  bool ok() const { return !root_.empty(); }
  Text name() const { return text(ManifestField::kName); }
  Text version() const { return text(ManifestField::kVersion); }
  Text hardware() const { return text(ManifestField::kHardware); }  // empty: any
  uint32_t model_size() const { return u32(ManifestField::kModelSize); }
  uint32_t body_size() const { return u32(ManifestField::kBodySize); }
  // Zeros where there is none of that size.
  Sha256 model_sha256() const { return digest(ManifestField::kModelSha256); }
  Sha256 body_sha256() const { return digest(ManifestField::kBodySha256); }
  Sha256 base_sha256() const { return digest(ManifestField::kBaseSha256); }
  bool has_digests() const;  // each of its size: the model's, the body's and the base's where there is one
  bool has_base() const { return vector(ManifestField::kBaseSha256).size() != 0; }
  uint32_t arena_bytes() const { return u32(ManifestField::kArenaBytes); }
  OperatorNeeds operators() const { return OperatorNeeds(vector(ManifestField::kOperators)); }
  Texts custom_operators() const { return Texts(vector(ManifestField::kCustomOperators)); }
  TensorViews inputs() const { return TensorViews(vector(ManifestField::kInputs)); }
  TensorViews outputs() const { return TensorViews(vector(ManifestField::kOutputs)); }
  // 0: only application or host confirm
  uint32_t confirm_after_inferences() const { return u32(ManifestField::kConfirmAfterInferences); }
  uint32_t warm_up_inferences() const { return u32(ManifestField::kWarmUpInferences); }
  ROOST_INLINE uint8_t attempts() const {  // at least 1
    const uint8_t attempts = *find(ManifestField::kAttempts);
    return attempts == 0 ? kManifestAttemptsDefault : attempts;
  }
  ROOST_INLINE uint64_t counter() const { return flat_load<uint64_t>(find(ManifestField::kCounter)); }

  PayloadLayout layout() const { return PayloadLayout(model_size(), body_size()); }

 private:
  friend ManifestView read_manifest(Bytes bytes);
  explicit ManifestView(FlatView root) : root_(root) {}
  const uint8_t* find(ManifestField field) const { return root_.find(static_cast<uint32_t>(field)); }
  uint32_t u32(ManifestField field) const { return root_.u32(static_cast<uint32_t>(field)); }
  ROOST_INLINE FlatVector vector(ManifestField field) const { return root_.vector(static_cast<uint32_t>(field)); }
  ROOST_INLINE Text text(ManifestField field) const { return vector(field).text(); }
  Sha256 digest(ManifestField field) const;

  FlatView root_;
};

// Not ok() if the bytes are no manifest: another type, not whole, or not at a multiple of 8 (the reader works in
// place). What else SPEC.md asks of a manifest is for those who make it to check (host/writer/package_check.h).
ManifestView read_manifest(Bytes bytes);

}  // namespace protocol
}  // namespace roost
