#include "protocol/body.h"

#include "protocol/flatbuffer.h"

#include "protocol/body_generated.h"

namespace roost {
namespace protocol {
namespace {

constexpr flatbuffers::uoffset_t kDepthMax = 4;
constexpr flatbuffers::uoffset_t kTablesMax = 1 + kBodyKeyValuesMax + kBodyVectorsMax;
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
  if (!fbs::BodyBufferHasIdentifier(bytes.data())) return Error::kWrongType;
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), kDepthMax, kTablesMax);
  if (!fbs::VerifyBodyBuffer(verifier)) return Error::kMalformed;

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
