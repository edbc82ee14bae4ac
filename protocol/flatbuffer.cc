#include "protocol/flatbuffer.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace protocol {
namespace {

constexpr size_t kSmallestFileBytes = 12;
constexpr size_t kIdentifierOffset = 4;
constexpr uint32_t kFieldMask = 0x1F;
constexpr uint32_t kNothing = 0;  // the size of a vector that is not there

// By the bits, since a compiler told to hurry may fold isfinite().
bool is_finite_not_negative(uint32_t float_bits) {
  return float_bits < 0x7F800000u || float_bits == 0x80000000u;
}

bool check_text(FlatVector text) {
  for (const uint8_t c : text.bytes()) {
    if (c < 0x20 || c == 0x7F) return false;
  }
  return true;
}

bool check_limits(FlatView table, const FlatLimit* const* limits, uint32_t row);

// What stands at `at`: the field itself, or an offset to it; an element of a vector likewise.
bool check_limit(const uint8_t* at, uint32_t kind, const FlatLimit& limit, const FlatLimit* const* limits) {
  if (kind == FlatLimit::kOneOf) return *at < 16 && (limit.most >> *at & 1) != 0;
  const uint32_t number = flat_load<uint32_t>(at);
  if (kind == FlatLimit::kZeroPoint) return number + 32768 <= 32768 + 65535;
  if (kind == FlatLimit::kFloat) return is_finite_not_negative(number);
  const FlatVector vector(flat_follow(at));
  const uint32_t size = vector.size();
  if (kind <= FlatLimit::kText) {
    if (size < limit.least || (size > limit.most && limit.most != kFlatUnlimited)) return false;
    return kind == FlatLimit::kVector || check_text(vector);
  }
  if (kind == FlatLimit::kTables && size > limit.most) return false;
  const uint8_t* element = vector.data();
  for (const uint8_t* const end = element + 4 * size; element != end; element += 4) {
    bool good;
    if (kind == FlatLimit::kTexts) {
      good = check_limit(element, FlatLimit::kText, limit, limits);
    } else if (kind == FlatLimit::kTables) {
      good = check_limits(FlatView(flat_follow(element)), limits, limit.least);
    } else {
      const uint32_t value = flat_load<uint32_t>(element);
      good = value >= limit.least && value <= limit.most;
    }
    if (!good) return false;
  }
  return true;
}

bool check_limits(FlatView table, const FlatLimit* const* limits, uint32_t row) {
  for (const FlatLimit* limit = limits[row]; limit->least <= limit->most; ++limit) {
    const uint8_t* at = table.find(limit->kind_and_field & kFieldMask);
    if (at != nullptr && !check_limit(at, limit->kind_and_field & ~kFieldMask, *limit, limits)) return false;
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

Status check_file(Bytes file, const FlatFormat& format, FlatView* root) {
  if (file.size() < kSmallestFileBytes) return Error::kTooShort;
  if (file.size() > format.size_max) return Error::kTooLong;
  if (reinterpret_cast<uintptr_t>(file.data()) % 8 != 0) return Error::kMisaligned;
  if (flat_load<uint32_t>(file.data() + kIdentifierOffset) != format.identifier) return Error::kWrongType;
  if (!FlatCheck(file, format.schema, format.tables_max).check_root()) return Error::kMalformed;
  *root = FlatView::root(file.data());
  return check_limits(*root, format.limits, 0) ? Status() : Status(Error::kRange);
}

}  // namespace protocol
}  // namespace roost
