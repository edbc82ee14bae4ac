// FlatBuffers as this folder reads them: in place, by the numbers of the fields, behind base/flatbuffer_check.h.
//
// The generated accessors would be compiled anew into each place that uses one; these are a few small functions.
// Only for tables, vectors and texts that passed the check. What is absent reads as zero, or as empty.
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/flatbuffer_check.h"
#include "base/span.h"

namespace roost {
namespace protocol {

using Text = Span<const char>;  // UTF-8, not terminated

// Not fit for a terminal: whoever makes a text refuses it, whoever shows one of a device puts something else.
constexpr bool is_control(char c) {
  return static_cast<uint8_t>(c) < ' ' || c == 0x7F;
}

// What is absent: a number of zero, an offset to itself, and so an empty vector or text.
extern const uint8_t kFlatNothing[8];

// The functions take and return bare pointers, which travel in registers; the two classes below give them their
// types.
const uint8_t* flat_find(const uint8_t* table, uint32_t field);    // where it stands
const uint8_t* flat_target(const uint8_t* table, uint32_t field);  // what the offset there points to
uint32_t flat_u32(const uint8_t* table, uint32_t field);
ROOST_INLINE const uint8_t* flat_follow(
    const uint8_t* offset) {  // from where an offset stands to what it points to
  return offset + flat_load<uint32_t>(offset);
}

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

  bool empty() const { return table_ == nullptr; }
  const uint8_t* find(uint32_t field) const { return flat_find(table_, field); }
  uint8_t u8(uint32_t field) const { return *find(field); }
  uint32_t u32(uint32_t field) const { return flat_u32(table_, field); }
  ROOST_INLINE float f32(uint32_t field) const {
    const uint32_t bits = u32(field);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
  }
  ROOST_INLINE FlatVector vector(uint32_t field) const { return FlatVector(flat_target(table_, field)); }

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

// Of four letters, as they stand in the file.
constexpr uint32_t flat_identifier(const char (&letters)[5]) {
  return static_cast<uint32_t>(letters[0]) | static_cast<uint32_t>(letters[1]) << 8 |
         static_cast<uint32_t>(letters[2]) << 16 | static_cast<uint32_t>(letters[3]) << 24;
}

// The root table of a file that is whole: of this type, begins at a multiple of 8, and passed FlatCheck by
// `schema`. Otherwise null.
const uint8_t* flat_root(Bytes file, uint32_t identifier, const FlatTable* schema);

}  // namespace protocol
}  // namespace roost
