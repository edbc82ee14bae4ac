// A verified, bounds-checked view of a package's body section (protocol/body.fbs, identifier RSB1).
//
//   BodyView body;
//   Status status = read_body(bytes, &body);
//   for (size_t i = 0; i < body.vector_count(); ++i) run(body.vector(i));
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "protocol/error.h"
#include "protocol/manifest.h"

namespace roost {
namespace protocol {

constexpr size_t kBodyLabelsMax = 1024;
constexpr size_t kBodyKeyValuesMax = 256;
constexpr size_t kBodyVectorsMax = 64;

struct KeyValueView {
  Text key;
  Text value;
};

struct VectorView {
  Bytes input;          // every input tensor one after the other
  Bytes expected;       // every output tensor
  float tolerance = 0;  // finite, >= 0
};

class BodyView {
 public:
  size_t label_count() const { return label_count_; }
  size_t key_value_count() const { return key_value_count_; }
  size_t vector_count() const { return vector_count_; }
  // index < count; each access follows the verified offsets.
  Text label(size_t index) const;
  KeyValueView key_value(size_t index) const;
  VectorView vector(size_t index) const;

 private:
  friend Status read_body(Bytes bytes, BodyView* view);
  const uint8_t* data_ = nullptr;
  uint32_t label_count_ = 0;
  uint32_t key_value_count_ = 0;
  uint32_t vector_count_ = 0;
};

// Errors: kTooShort, kTooLong, kWrongType, kMalformed, kRange, as for read_manifest. Borrows from `bytes`.
Status read_body(Bytes bytes, BodyView* view);

}  // namespace protocol
}  // namespace roost
