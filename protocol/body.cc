#include "protocol/body.h"

#include "base/bytes.h"
#include "protocol/flatbuffer.h"

namespace roost {
namespace protocol {
namespace {

// The tables of body.fbs, field by field.
enum : uint32_t { kKeyValueRow = 1, kVectorRow };
enum : uint32_t { kKey, kValue };
const uint8_t kBodyFields[] = {
    flat_texts(),               // labels
    flat_tables(kKeyValueRow),  // key_values
    flat_tables(kVectorRow),    // vectors
    kFlatEnd,
};
const uint8_t kKeyValueFields[] = {
    flat_text(kFlatRequired),  // key
    flat_text(kFlatRequired),  // value
    kFlatEnd,
};
const uint8_t kVectorFields[] = {
    flat_vector(1, kFlatRequired),  // input
    flat_vector(1, kFlatRequired),  // expected
    flat_scalar(4),                 // tolerance
    kFlatEnd,
};
const FlatTable kSchema[] = {kBodyFields, kKeyValueFields, kVectorFields};

}  // namespace

Text BodyView::label(size_t index) const {
  return root_.vector(kLabels).text_at(static_cast<uint32_t>(index)).text();
}

KeyValueView BodyView::key_value(size_t index) const {
  const FlatView pair = root_.vector(kKeyValues).table_at(static_cast<uint32_t>(index));
  KeyValueView view;
  view.key = pair.vector(kKey).text();
  view.value = pair.vector(kValue).text();
  return view;
}

BodyView read_body(Bytes bytes) {
  return BodyView(FlatView(flat_root(bytes, flat_identifier("RSB1"), kSchema)));
}

}  // namespace protocol
}  // namespace roost
