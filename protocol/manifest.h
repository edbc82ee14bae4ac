// A verified, bounds-checked plain view of manifest bytes (protocol/manifest.fbs, identifier RST1).
//
//   ManifestView view;
//   Status status = read_manifest(bytes, &view);   // view borrows from bytes
#pragma once

#include <stdint.h>
#include <array>

#include "base/bytes.h"
#include "base/span.h"
#include "protocol/error.h"
#include "protocol/package.h"

namespace roost {
namespace protocol {

using Text = Span<const char>;  // UTF-8, not terminated

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

struct OperatorNeed {
  uint16_t code = 0;  // BuiltinOperator of the TFLite schema
  uint16_t version = 0;
};

// Borrows; decodes one element at a time.
class OperatorNeeds {
 public:
  OperatorNeeds() = default;
  explicit OperatorNeeds(Bytes raw) : raw_(raw) {}
  size_t size() const { return raw_.size() / 4; }
  OperatorNeed operator[](size_t index) const {
    const Bytes entry = raw_.subspan(index * 4, 4);
    OperatorNeed need;
    need.code = load_le16(entry.data());
    need.version = load_le16(entry.data() + 2);
    return need;
  }

 private:
  Bytes raw_;
};

struct TensorView {
  TensorType type;
  uint8_t rank;
  std::array<int32_t, kManifestRankMax> shape;  // each 1..65535; beyond the rank: undefined
  float scale;                                  // finite, >= 0; 0: need not match
  int32_t zero_point;
};

// Undefined until it is read (texts empty): values to begin with would cost every user.
struct ManifestView {
  ManifestView();

  Text name;            // 1..24 bytes
  Text version;         // 1..16 bytes
  Text hardware;        // 0..24 bytes; empty: any
  uint32_t model_size;  // 1..
  Sha256 model_sha256;
  uint32_t body_size;
  Sha256 body_sha256;  // zeros without a body
  uint32_t arena_bytes;
  OperatorNeeds operators;
  uint8_t custom_operator_count;
  std::array<Text, kManifestCustomMax> custom_operators;
  uint8_t input_count;
  std::array<TensorView, kManifestTensorsMax> inputs;
  uint8_t output_count;
  std::array<TensorView, kManifestTensorsMax> outputs;
  uint32_t confirm_after_inferences;  // 0: only application or host confirm
  uint32_t warm_up_inferences;
  uint8_t attempts;  // 1..16
  bool has_base;
  Sha256 base_sha256;  // zeros without a base
  uint64_t counter;

  PayloadLayout layout() const { return PayloadLayout(model_size, body_size); }
};

// Errors: kTooShort, kTooLong (over 1024 bytes), kMisaligned (bytes must begin at a multiple of 8: the reader works
// in place), kWrongType (identifier), kMalformed (FlatBuffers verification), kRange (a field). `view` is meaningful
// only on success and borrows from `bytes`.
Status read_manifest(Bytes bytes, ManifestView* view);

}  // namespace protocol
}  // namespace roost
