#include "protocol/body.h"

#include <string.h>

#include "base/bytes.h"
#include "protocol/flatbuffer.h"

namespace roost {
namespace protocol {
namespace {

// The tables of body.fbs, field by field.
enum : uint32_t { kLabels, kKeyValues, kVectors };
enum : uint32_t { kKey, kValue };
enum : uint32_t { kInput, kExpected, kTolerance };
const uint8_t kBodyFields[] = {
    flat_texts(),    // labels
    flat_tables(1),  // key_values
    flat_tables(2),  // vectors
};
const uint8_t kKeyValueFields[] = {
    flat_text(kFlatRequired),  // key
    flat_text(kFlatRequired),  // value
};
const uint8_t kVectorFields[] = {
    flat_vector(1, kFlatRequired),  // input
    flat_vector(1, kFlatRequired),  // expected
    flat_scalar(4),                 // tolerance
};
const FlatTable kSchema[] = {FlatTable(kBodyFields), FlatTable(kKeyValueFields), FlatTable(kVectorFields)};

constexpr uint32_t kTablesMax = 1 + kBodyKeyValuesMax + kBodyVectorsMax;
constexpr uint32_t kTextMax = 4096;

bool check_fields(FlatView body) {
  const FlatVector labels = body.vector(kLabels);
  const FlatVector pairs = body.vector(kKeyValues);
  const FlatVector vectors = body.vector(kVectors);
  if (labels.size() > kBodyLabelsMax || pairs.size() > kBodyKeyValuesMax || vectors.size() > kBodyVectorsMax) {
    return false;
  }
  Text text;
  for (uint32_t i = 0; i < labels.size(); ++i) {
    if (!read_text(labels.text_at(i), 0, kTextMax, &text)) return false;
  }
  for (uint32_t i = 0; i < pairs.size(); ++i) {
    const FlatView pair = pairs.table_at(i);
    if (!read_text(pair.vector(kKey), 1, kTextMax, &text) || pair.vector(kValue).size() > kTextMax) return false;
  }
  for (uint32_t i = 0; i < vectors.size(); ++i) {
    const FlatView vector = vectors.table_at(i);
    if (vector.vector(kExpected).size() == 0 || !is_finite_not_negative(vector.u32(kTolerance))) return false;
  }
  return true;
}

}  // namespace

Text BodyView::label(size_t index) const {
  ROOST_ASSERT(index < label_count_);
  return FlatView::root(data_).vector(kLabels).text_at(static_cast<uint32_t>(index)).text();
}

KeyValueView BodyView::key_value(size_t index) const {
  ROOST_ASSERT(index < key_value_count_);
  const FlatView pair = FlatView::root(data_).vector(kKeyValues).table_at(static_cast<uint32_t>(index));
  KeyValueView view;
  view.key = pair.vector(kKey).text();
  view.value = pair.vector(kValue).text();
  return view;
}

VectorView BodyView::vector(size_t index) const {
  ROOST_ASSERT(index < vector_count_);
  const FlatView vector = FlatView::root(data_).vector(kVectors).table_at(static_cast<uint32_t>(index));
  VectorView view;
  view.input = vector.vector(kInput).bytes();
  view.expected = vector.vector(kExpected).bytes();
  const uint32_t tolerance_bits = vector.u32(kTolerance);
  memcpy(&view.tolerance, &tolerance_bits, sizeof(view.tolerance));
  return view;
}

Status read_body(Bytes bytes, BodyView* view) {
  const Error error = check_file(bytes, kPayloadBytesMax, "RSB1", kSchema, kTablesMax);
  if (error != Error::kNone) return error;
  const FlatView body = FlatView::root(bytes.data());
  if (!check_fields(body)) return Error::kRange;
  view->data_ = bytes.data();
  view->label_count_ = body.vector(kLabels).size();
  view->key_value_count_ = body.vector(kKeyValues).size();
  view->vector_count_ = body.vector(kVectors).size();
  return Status();
}

}  // namespace protocol
}  // namespace roost
