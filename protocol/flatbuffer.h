// FlatBuffers as this folder reads them: in place, by the numbers of the fields, behind base/flatbuffer_check.h.
//
// The generated accessors would be compiled anew into each place that uses one; these are a few small functions.
// Only for tables, vectors and texts that passed the check. What is absent reads as zero, or as empty.
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/flatbuffer_check.h"
#include "base/span.h"
#include "protocol/error.h"

namespace roost {
namespace protocol {

using Text = Span<const char>;  // UTF-8, not terminated

// The functions take and return bare pointers, which travel in registers; the two classes below give them their types.
const uint8_t* flat_follow(const uint8_t* offset);  // from where an offset stands to what it points to
const uint8_t* flat_find(const uint8_t* table, uint32_t field);
const uint8_t* flat_target(const uint8_t* table, uint32_t field);  // of an absent field: a zero
uint32_t flat_u32(const uint8_t* table, uint32_t field);

class FlatView;

class FlatVector {
 public:
  explicit FlatVector(const uint8_t* at) : at_(at) {}

  uint32_t size() const { return flat_load<uint32_t>(at_); }  // elements; of a text: bytes, without its zero
  uint32_t u32_at(uint32_t index) const { return flat_load<uint32_t>(at_ + 4 + 4 * index); }
  const uint8_t* data() const { return at_ + 4; }
  Bytes bytes() const { return Bytes(data(), size()); }
  Text text() const { return Text(reinterpret_cast<const char*>(data()), size()); }
  // Of a vector of texts or tables; index < size().
  FlatVector text_at(uint32_t index) const { return FlatVector(flat_follow(at_ + 4 + 4 * index)); }
  inline FlatView table_at(uint32_t index) const;

 private:
  const uint8_t* at_;
};

class FlatView {
 public:
  FlatView() = default;  // of nothing: has no field
  explicit FlatView(const uint8_t* table) : table_(table) {}
  static FlatView root(const uint8_t* file) { return FlatView(flat_follow(file)); }

  const uint8_t* find(uint32_t field) const { return flat_find(table_, field); }  // null: absent
  uint8_t u8(uint32_t field) const {
    const uint8_t* at = find(field);
    return at == nullptr ? 0 : *at;
  }
  uint32_t u32(uint32_t field) const { return flat_u32(table_, field); }
  float f32(uint32_t field) const;
  FlatVector vector(uint32_t field) const { return FlatVector(flat_target(table_, field)); }

 private:
  const uint8_t* table_ = nullptr;
};

FlatView FlatVector::table_at(uint32_t index) const {
  return FlatView(flat_follow(at_ + 4 + 4 * index));
}

// A vector of tables, each seen as a View; index < size().
template <typename View>
class FlatTables {
 public:
  explicit FlatTables(FlatVector from) : from_(from) {}
  size_t size() const { return from_.size(); }
  View operator[](size_t index) const { return View(from_.table_at(static_cast<uint32_t>(index))); }

 private:
  FlatVector from_;
};

// What a field must be, unless it is absent: one row each.
struct FlatLimit {
  enum Kind : uint8_t {
    kVector = 0x00,     // its size in elements, from least to most
    kText = 0x20,       // its size in bytes, likewise, and no control characters: texts end up on terminals
    kTexts = 0x40,      // each of them is such a text
    kNumbers = 0x60,    // each of 32 bits, from least to most
    kTables = 0x80,     // at most so many, each within its own limits: those of the row that stands for `least`
    kOneOf = 0xA0,      // a byte below 16, whose bit is in `most`
    kZeroPoint = 0xC0,  // -32768..65535
    kFloat = 0xE0,      // finite and not negative
  };
  uint8_t kind_and_field;
  uint8_t least;
  uint16_t most;

  constexpr FlatLimit(Kind kind, unsigned field, unsigned the_least = 0, unsigned the_most = 0)
      : kind_and_field(static_cast<uint8_t>(kind | field)),
        least(static_cast<uint8_t>(the_least)),
        most(static_cast<uint16_t>(the_most)) {}
};
constexpr uint16_t kFlatUnlimited = 0xFFFF;  // for a size
// Behind the last row: of all rows, its least alone is beyond its most.
constexpr FlatLimit kFlatLimitsEnd(FlatLimit::kVector, 0, 1, 0);

// Of four letters, as they stand in the file.
constexpr uint32_t flat_identifier(const char (&letters)[5]) {
  return static_cast<uint32_t>(letters[0]) | static_cast<uint32_t>(letters[1]) << 8 |
         static_cast<uint32_t>(letters[2]) << 16 | static_cast<uint32_t>(letters[3]) << 24;
}

struct FlatFormat {
  uint32_t identifier;
  uint32_t size_max;  // of a file
  const FlatTable* schema;
  uint32_t tables_max;
  const FlatLimit* const* limits;  // of the tables in the schema, row by row
};

// Errors: kTooShort, kTooLong, kMisaligned, kWrongType, kMalformed, kRange. `root` is meaningful only on success.
Status check_file(Bytes file, const FlatFormat& format, FlatView* root);

}  // namespace protocol
}  // namespace roost
