// A bounds-checked view of a package's body section (protocol/body.fbs, identifier RSB1).
//
//   const BodyView body = read_body(bytes);
//   if (!body.ok()) return ...;
//   const VectorViews vectors = body.vectors();
//   for (size_t i = 0; i < vectors.size(); ++i) run(vectors[i]);
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "protocol/flatbuffer.h"
#include "protocol/package.h"

namespace roost {
namespace protocol {

constexpr size_t kBodyLabelsMax = 1024;
constexpr size_t kBodyKeyValuesMax = 256;
constexpr size_t kBodyVectorsMax = 64;

struct KeyValueView {
  Text key;
  Text value;
};

class VectorView {
 public:
  enum Field : uint32_t { kInput, kExpected, kTolerance };

  explicit VectorView(FlatView from) : from_(from) {}
  Bytes input() const { return from_.vector(kInput).bytes(); }        // every input tensor one after the other
  Bytes expected() const { return from_.vector(kExpected).bytes(); }  // every output tensor
  float tolerance() const { return from_.f32(kTolerance); }           // may be any, even NaN

 private:
  FlatView from_;
};

using VectorViews = FlatTables<VectorView>;

// Of nothing, or of bytes that are no body: has none of these.
class BodyView {
 public:
  enum Field : uint32_t { kLabels, kKeyValues, kVectors };

  BodyView() = default;
  bool ok() const { return !root_.empty(); }
  size_t label_count() const { return root_.vector(kLabels).size(); }
  size_t key_value_count() const { return root_.vector(kKeyValues).size(); }
  VectorViews vectors() const { return VectorViews(root_.vector(kVectors)); }
  // index < count; each access follows the verified offsets.
  Text label(size_t index) const;
  KeyValueView key_value(size_t index) const;

 private:
  friend BodyView read_body(Bytes bytes);
  explicit BodyView(FlatView root) : root_(root) {}

  FlatView root_;
};

// Not ok() if the bytes are no body: another type, not whole, or not at a multiple of 8. Borrows from them. What
// else SPEC.md asks of a body is for those who make it to check (host/writer/package_check.h).
BodyView read_body(Bytes bytes);

}  // namespace protocol
}  // namespace roost
