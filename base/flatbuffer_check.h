// Checks that a FlatBuffer holds together, by a description of its tables: one byte a field.
//
// After a check that said yes, every offset that the description names leads to something whole inside the file:
// generated accessors may then be used. Fields that are not described must not be read. It accepts nothing that the
// FlatBuffers library's own verifier would refuse (tests/base/flatbuffer_check_test.cc and the fuzzer of the same
// name compare them), and is one small function where that one is compiled anew for each table.
//
//   const uint8_t kPairFields[] = {flat_text(kFlatRequired), flat_scalar(4), kFlatEnd};  // in the order of ids
//   const uint8_t kRootFields[] = {flat_tables(1), kFlatEnd};                            // the number of a row
//   const FlatTable kSchema[] = {kRootFields, kPairFields};
//
//   if (!FlatCheck(file, kSchema, 100).check_root()) return Error::kMalformed;
//
// No table may contain itself, however deep: the description's own depth is what bounds recursion.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/span.h"

namespace roost {

// A number of a checked file: each stands at a multiple of its size, so that it is loaded whole.
template <typename Number>
ROOST_INLINE Number flat_load(const uint8_t* at) {
  Number value = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(&value, __builtin_assume_aligned(at, sizeof(value)), sizeof(value));
#else
  for (size_t i = sizeof(value); i > 0; --i) value = static_cast<Number>(value << 8 | at[i - 1]);
#endif
  return value;
}

enum : uint8_t {
  kFlatScalar = 0x00,              // with its size in bytes
  kFlatText = 0x10,                // a string: zero-terminated besides its length
  kFlatTable = 0x20,               // with its row in the schema
  kFlatIgnored = kFlatScalar | 1,  // deprecated, or never read: takes a byte at least
  kFlatMany = 0x40,                // a vector of the three above; of scalars or structs with the size of one
  kFlatRequired = 0x80,
  kFlatKindMask = 0x70,
  kFlatNumberMask = 0x0F,
  kFlatEnd = 0,  // behind the last field; no field is 0, since no scalar takes no bytes
};

constexpr uint8_t flat_field(unsigned kind, unsigned number, unsigned required) {
  return static_cast<uint8_t>(kind | number | required);
}
constexpr uint8_t flat_scalar(unsigned size, unsigned required = 0) {
  return flat_field(kFlatScalar, size, required);
}
constexpr uint8_t flat_vector(unsigned size, unsigned required = 0) {
  return flat_field(kFlatScalar | kFlatMany, size, required);
}
constexpr uint8_t flat_text(unsigned required = 0) {
  return flat_field(kFlatText, 1, required);
}
constexpr uint8_t flat_texts(unsigned required = 0) {
  return flat_field(kFlatText | kFlatMany, 1, required);
}
constexpr uint8_t flat_table(unsigned row, unsigned required = 0) {
  return flat_field(kFlatTable, row, required);
}
constexpr uint8_t flat_tables(unsigned row, unsigned required = 0) {
  return flat_field(kFlatTable | kFlatMany, row, required);
}

// The fields of a table: flat_...() in the order of their ids, then kFlatEnd. What comes behind them is ignored.
using FlatTable = const uint8_t*;

// So that sums of an offset and a size stay below 2^32.
constexpr size_t kFlatFileBytesMax = size_t{1} << 30;

// Borrows both. The file is no larger than kFlatFileBytesMax, and begins at a multiple of the largest number in it;
// row 0 of `schema` is the root. At most `tables_max` tables are looked at, counted as often as
// something points to them: what costs more is refused.
class FlatCheck {
 public:
  FlatCheck(Bytes file, const FlatTable* schema, uint32_t tables_max)
      : file_(file), schema_(schema), tables_left_(tables_max) {}

  // The whole file, from the offset of the root table at its start.
  bool check_root() { return check_field(0, flat_table(0)); }
  // One table at an offset that is known to lie in the file.
  bool check_table(uint32_t at, FlatTable fields);

 private:
  const uint8_t* find_number(uint32_t at, uint32_t size) const;
  bool check_field(uint32_t at, uint32_t field);

  Bytes file_;
  const FlatTable* schema_;
  uint32_t tables_left_;
};

}  // namespace roost
