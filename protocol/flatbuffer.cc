#include "protocol/flatbuffer.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace protocol {
namespace {

constexpr size_t kSmallestFileBytes = 12;
constexpr size_t kIdentifierOffset = 4;
constexpr size_t kIdentifierBytes = 4;

}  // namespace

const uint8_t* flat_follow(const uint8_t* offset) {
  return offset + load_le32(offset);
}

// The distance to the vtable has a sign; so does this one.
const uint8_t* flat_find(const uint8_t* table, uint32_t field) {
  const uint8_t* vtable = table - static_cast<int32_t>(load_le32(table));
  const uint32_t entry = 4 + 2 * field;
  const uint32_t offset = entry < load_le16(vtable) ? load_le16(vtable + entry) : 0;
  return offset == 0 ? nullptr : table + offset;
}

const uint8_t* flat_target(const uint8_t* table, uint32_t field) {
  const uint8_t* at = flat_find(table, field);
  return at == nullptr ? nullptr : flat_follow(at);
}

uint32_t flat_word(const uint8_t* at) {
  return at == nullptr ? 0 : load_le32(at);
}

Error check_file(Bytes file, size_t size_max, const char* identifier, const FlatTable* schema,
                 uint32_t tables_max) {
  if (file.size() < kSmallestFileBytes) return Error::kTooShort;
  if (file.size() > size_max) return Error::kTooLong;
  if (reinterpret_cast<uintptr_t>(file.data()) % 8 != 0) return Error::kMisaligned;
  if (memcmp(file.data() + kIdentifierOffset, identifier, kIdentifierBytes) != 0) return Error::kWrongType;
  return FlatCheck(file, schema, tables_max).check_root() ? Error::kNone : Error::kMalformed;
}

// By the bits, since a compiler told to hurry may fold isfinite().
bool is_finite_not_negative(uint32_t float_bits) {
  return float_bits < 0x7F800000u || float_bits == 0x80000000u;
}

bool read_text(FlatVector from, uint32_t size_min, uint32_t size_max, Text* to) {
  const uint32_t size = from.size();
  if (size < size_min || size > size_max) return false;
  *to = Text();
  if (size != 0) *to = from.text();
  for (const char c : *to) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) return false;
  }
  return true;
}

}  // namespace protocol
}  // namespace roost
