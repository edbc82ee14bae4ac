#include "protocol/body.h"

#include "base/flatbuffer_check.h"
#include "protocol/flatbuffer.h"

#include "protocol/body_generated.h"

namespace roost {
namespace protocol {
namespace {

// The tables of body.fbs, field by field.
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
constexpr size_t kSmallestBytes = 12;
constexpr size_t kTextMax = 4096;

template <typename T>
size_t count_of(const T* vector) {
  return vector == nullptr ? 0 : vector->size();
}

flatbuffers::uoffset_t at(size_t index) {
  return static_cast<flatbuffers::uoffset_t>(index);
}

Text text_of(const flatbuffers::String* string) {
  return Text(string->c_str(), string->size());
}

bool check_texts(const fbs::Body* body) {
  Text text;
  for (size_t i = 0; i < count_of(body->labels()); ++i) {
    if (!read_text(body->labels()->Get(at(i)), 0, kTextMax, &text)) return false;
  }
  for (size_t i = 0; i < count_of(body->key_values()); ++i) {
    const fbs::KeyValue* pair = body->key_values()->Get(at(i));
    if (!read_text(pair->key(), 1, kTextMax, &text) || pair->value()->size() > kTextMax) return false;
  }
  return true;
}

bool check_vectors(const fbs::Body* body) {
  for (size_t i = 0; i < count_of(body->vectors()); ++i) {
    const fbs::Vector* vector = body->vectors()->Get(at(i));
    if (vector->expected()->size() == 0 || !is_finite_not_negative(vector->tolerance())) return false;
  }
  return true;
}

}  // namespace

Text BodyView::label(size_t index) const {
  ROOST_ASSERT(index < label_count_);
  return text_of(fbs::GetBody(data_)->labels()->Get(at(index)));
}

KeyValueView BodyView::key_value(size_t index) const {
  ROOST_ASSERT(index < key_value_count_);
  const fbs::KeyValue* pair = fbs::GetBody(data_)->key_values()->Get(at(index));
  KeyValueView view;
  view.key = text_of(pair->key());
  view.value = text_of(pair->value());
  return view;
}

VectorView BodyView::vector(size_t index) const {
  ROOST_ASSERT(index < vector_count_);
  const fbs::Vector* vector = fbs::GetBody(data_)->vectors()->Get(at(index));
  VectorView view;
  view.input = Bytes(vector->input()->data(), vector->input()->size());
  view.expected = Bytes(vector->expected()->data(), vector->expected()->size());
  view.tolerance = vector->tolerance();
  return view;
}

Status read_body(Bytes bytes, BodyView* view) {
  if (bytes.size() < kSmallestBytes) return Error::kTooShort;
  if (bytes.size() > kPayloadBytesMax) return Error::kTooLong;
  if (!is_aligned_for_flatbuffers(bytes)) return Error::kMisaligned;
  if (!has_identifier(bytes, fbs::BodyIdentifier())) return Error::kWrongType;
  if (!FlatCheck(bytes, kSchema, kTablesMax).check_root()) return Error::kMalformed;

  const fbs::Body* body = fbs::GetBody(bytes.data());
  if (count_of(body->labels()) > kBodyLabelsMax || count_of(body->key_values()) > kBodyKeyValuesMax ||
      count_of(body->vectors()) > kBodyVectorsMax) {
    return Error::kRange;
  }
  if (!check_texts(body) || !check_vectors(body)) return Error::kRange;
  view->data_ = bytes.data();
  view->label_count_ = static_cast<uint32_t>(count_of(body->labels()));
  view->key_value_count_ = static_cast<uint32_t>(count_of(body->key_values()));
  view->vector_count_ = static_cast<uint32_t>(count_of(body->vectors()));
  return Status();
}

}  // namespace protocol
}  // namespace roost
