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

const FlatLimit kBodyLimits[] = {
    FlatLimit(FlatLimit::kVector, BodyView::kLabels, 0, kBodyLabelsMax),
    FlatLimit(FlatLimit::kTexts, BodyView::kLabels, 0, kTextMax),
    FlatLimit(FlatLimit::kTables, BodyView::kKeyValues, kKeyValueRow, kBodyKeyValuesMax),
    FlatLimit(FlatLimit::kTables, BodyView::kVectors, kVectorRow, kBodyVectorsMax),
    kFlatLimitsEnd,
};
const FlatLimit kKeyValueLimits[] = {
    FlatLimit(FlatLimit::kText, kKey, 1, kTextMax),
    FlatLimit(FlatLimit::kVector, kValue, 0, kTextMax),
    kFlatLimitsEnd,
};
const FlatLimit kVectorLimits[] = {
    FlatLimit(FlatLimit::kVector, VectorView::kExpected, 1, kFlatUnlimited),
    FlatLimit(FlatLimit::kFloat, VectorView::kTolerance),
    kFlatLimitsEnd,
};
const FlatLimit* const kLimits[] = {kBodyLimits, kKeyValueLimits, kVectorLimits};

const FlatFormat kFormat = {flat_identifier("RSB1"), kPayloadBytesMax, kSchema, kTablesMax, kLimits};

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

Status read_body(Bytes bytes, BodyView* view) {
  return check_file(bytes, kFormat, &view->root_);
}

}  // namespace protocol
}  // namespace roost
