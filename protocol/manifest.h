// A verified, bounds-checked view of manifest bytes (protocol/manifest.fbs, identifier RST1).
//
//   ManifestView view;
//   Status status = read_manifest(bytes, &view);   // view borrows from bytes
//   view.name(), view.inputs()[0].shape();         // decoded when asked for
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/span.h"
#include "protocol/error.h"
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

constexpr size_t kManifestTensorsMax = 4;
constexpr size_t kManifestOperatorsMax = 64;
constexpr size_t kManifestCustomMax = 8;
constexpr size_t kManifestRankMax = 6;
constexpr int32_t kManifestDimensionMax = 65535;

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
  int32_t operator[](size_t index) const {      // 1..65535
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
  float scale() const { return from_.f32(kScale); }  // finite, >= 0; 0: need not match
  int32_t zero_point() const { return static_cast<int32_t>(from_.u32(kZeroPoint)); }

 private:
  FlatView from_;
};

using TensorViews = FlatTables<TensorView>;

// Only after read_manifest said yes.
class ManifestView {
 public:
  Text name() const { return text(ManifestField::kName); }          // 1..24 bytes
  Text version() const { return text(ManifestField::kVersion); }    // 1..16 bytes
  Text hardware() const { return text(ManifestField::kHardware); }  // 0..24 bytes; empty: any
  uint32_t model_size() const { return u32(ManifestField::kModelSize); }
  uint32_t body_size() const { return u32(ManifestField::kBodySize); }
  Sha256 model_sha256() const { return digest(ManifestField::kModelSha256); }
  Sha256 body_sha256() const { return digest(ManifestField::kBodySha256); }  // zeros without a body
  Sha256 base_sha256() const { return digest(ManifestField::kBaseSha256); }  // zeros without a base
  bool has_base() const { return has(ManifestField::kBaseSha256); }
  uint32_t arena_bytes() const { return u32(ManifestField::kArenaBytes); }
  OperatorNeeds operators() const { return OperatorNeeds(vector(ManifestField::kOperators)); }
  Texts custom_operators() const { return Texts(vector(ManifestField::kCustomOperators)); }
  TensorViews inputs() const { return TensorViews(vector(ManifestField::kInputs)); }
  TensorViews outputs() const { return TensorViews(vector(ManifestField::kOutputs)); }
  // 0: only application or host confirm
  uint32_t confirm_after_inferences() const { return u32(ManifestField::kConfirmAfterInferences); }
  uint32_t warm_up_inferences() const { return u32(ManifestField::kWarmUpInferences); }
  uint8_t attempts() const;  // 1..16
  uint64_t counter() const;

  PayloadLayout layout() const { return PayloadLayout(model_size(), body_size()); }

 private:
  friend Status read_manifest(Bytes bytes, ManifestView* view);
  const uint8_t* find(ManifestField field) const { return root_.find(static_cast<uint32_t>(field)); }
  bool has(ManifestField field) const { return find(field) != nullptr; }
  uint32_t u32(ManifestField field) const { return root_.u32(static_cast<uint32_t>(field)); }
  FlatVector vector(ManifestField field) const { return root_.vector(static_cast<uint32_t>(field)); }
  Text text(ManifestField field) const { return vector(field).text(); }
  Sha256 digest(ManifestField field) const;

  FlatView root_;
};

// Errors: kTooShort, kTooLong (over 1024 bytes), kMisaligned (bytes must begin at a multiple of 8: the reader works
// in place), kWrongType (identifier), kMalformed (FlatBuffers verification), kRange (a field). `view` is meaningful
// only on success and borrows from `bytes`.
Status read_manifest(Bytes bytes, ManifestView* view);

}  // namespace protocol
}  // namespace roost
