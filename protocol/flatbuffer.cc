#include "protocol/flatbuffer.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace protocol {
namespace {

constexpr size_t kSmallestFileBytes = 12;
constexpr size_t kIdentifierOffset = 4;
constexpr size_t kIdentifierBytes = 4;
constexpr uint32_t kFieldMask = 0x3F;
constexpr uint32_t kNothing = 0;  // the size of a vector that is not there

// By the bits, since a compiler told to hurry may fold isfinite().
bool is_finite_not_negative(uint32_t float_bits) {
  return float_bits < 0x7F800000u || float_bits == 0x80000000u;
}

bool check_size(FlatVector vector, const FlatLimit& limit) {
  const uint32_t size = vector.size();
  return size >= limit.size_min && (size <= limit.size_max || limit.size_max == kFlatUnlimited);
}

bool check_text(FlatVector text) {
  for (const uint8_t c : text.bytes()) {
    if (c < 0x20 || c == 0x7F) return false;
  }
  return true;
}

bool check_texts(FlatVector texts, const FlatLimit& limit) {
  for (uint32_t i = 0; i < texts.size(); ++i) {
    const FlatVector text = texts.text_at(i);
    if (!check_size(text, limit) || !check_text(text)) return false;
  }
  return true;
}

}  // namespace

const uint8_t* flat_follow(const uint8_t* offset) {
  return offset + flat_load<uint32_t>(offset);
}

// The distance to the vtable has a sign; so does this one.
const uint8_t* flat_find(const uint8_t* table, uint32_t field) {
  if (table == nullptr) return nullptr;
  const uint8_t* vtable = table - static_cast<int32_t>(flat_load<uint32_t>(table));
  const uint32_t entry = 4 + 2 * field;
  const uint32_t offset = entry < flat_load<uint16_t>(vtable) ? flat_load<uint16_t>(vtable + entry) : 0;
  return offset == 0 ? nullptr : table + offset;
}

const uint8_t* flat_target(const uint8_t* table, uint32_t field) {
  const uint8_t* at = flat_find(table, field);
  return at == nullptr ? reinterpret_cast<const uint8_t*>(&kNothing) : flat_follow(at);
}

uint32_t flat_u32(const uint8_t* table, uint32_t field) {
  const uint8_t* at = flat_find(table, field);
  return at == nullptr ? 0 : flat_load<uint32_t>(at);
}

float FlatView::f32(uint32_t field) const {
  const uint32_t bits = u32(field);
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

bool check_limits(FlatView table, const FlatLimit* limits) {
  for (; limits->size_min <= limits->size_max; ++limits) {
    const FlatLimit& limit = *limits;
    const uint8_t* at = table.find(limit.kind_and_field & kFieldMask);
    if (at == nullptr) continue;
    const uint32_t kind = limit.kind_and_field & ~kFieldMask;
    bool good;
    if (kind == FlatLimit::kFloat) {
      good = is_finite_not_negative(flat_load<uint32_t>(at));
    } else {
      const FlatVector vector(flat_follow(at));
      good = kind == FlatLimit::kTexts ? check_texts(vector, limit) : check_size(vector, limit);
      if (kind == FlatLimit::kText) good = good && check_text(vector);
    }
    if (!good) return false;
  }
  return true;
}

bool check_tables(FlatVector tables, const FlatLimit* limits) {
  for (uint32_t i = 0; i < tables.size(); ++i) {
    if (!check_limits(tables.table_at(i), limits)) return false;
  }
  return true;
}

Error check_file(Bytes file, const FlatFormat& format, FlatView* root) {
  if (file.size() < kSmallestFileBytes) return Error::kTooShort;
  if (file.size() > format.size_max) return Error::kTooLong;
  if (reinterpret_cast<uintptr_t>(file.data()) % 8 != 0) return Error::kMisaligned;
  if (memcmp(file.data() + kIdentifierOffset, format.identifier, kIdentifierBytes) != 0) return Error::kWrongType;
  if (!FlatCheck(file, format.schema, format.tables_max).check_root()) return Error::kMalformed;
  *root = FlatView::root(file.data());
  return check_limits(*root, format.limits) ? Error::kNone : Error::kRange;
}

}  // namespace protocol
}  // namespace roost
