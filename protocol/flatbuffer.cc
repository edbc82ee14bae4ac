#include "protocol/flatbuffer.h"

#include "base/bytes.h"

namespace roost {
namespace protocol {
namespace {

constexpr size_t kSmallestFileBytes = 12;
constexpr size_t kIdentifierOffset = 4;
// Keeps a hostile file from costing more than it is worth.
constexpr uint32_t kTablesMax = 321;  // a body's, and key/values and vectors as many as SPEC.md allows

}  // namespace

alignas(uint64_t) const uint8_t kFlatNothing[8] = {};

// The distance to the vtable has a sign; so does this one.
const uint8_t* flat_find(const uint8_t* table, uint32_t field) {
  if (table == nullptr) return kFlatNothing;
  const uint8_t* vtable = table - static_cast<int32_t>(flat_load<uint32_t>(table));
  const uint32_t entry = 4 + 2 * field;
  const uint32_t offset = entry < flat_load<uint16_t>(vtable) ? flat_load<uint16_t>(vtable + entry) : 0;
  return offset == 0 ? kFlatNothing : table + offset;
}

uint32_t flat_u32(const uint8_t* table, uint32_t field) {
  return flat_load<uint32_t>(flat_find(table, field));
}

const uint8_t* flat_target(const uint8_t* table, uint32_t field) {
  return flat_follow(flat_find(table, field));
}

const uint8_t* flat_root(Bytes file, uint32_t identifier, const FlatTable* schema) {
  const bool whole = file.size() >= kSmallestFileBytes && reinterpret_cast<uintptr_t>(file.data()) % 8 == 0 &&
                     flat_load<uint32_t>(file.data() + kIdentifierOffset) == identifier &&
                     FlatCheck(file, schema, kTablesMax).check_root();
  return whole ? flat_follow(file.data()) : nullptr;
}

}  // namespace protocol
}  // namespace roost
