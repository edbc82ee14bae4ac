// FlatBuffers as this folder reads them: in place, by the numbers of the fields, behind base/flatbuffer_check.h.
//
// The generated accessors would be compiled anew into each place that uses one; these are a few small functions.
// Only for tables, vectors and texts that passed the check. What is absent reads as zero, or as empty.
// For the .cc files of this folder only.
#pragma once

#include <stdint.h>

#include "base/flatbuffer_check.h"
#include "base/span.h"
#include "protocol/error.h"
#include "protocol/manifest.h"

namespace roost {
namespace protocol {

// The functions take and return bare pointers, which travel in registers; the two classes below give them their types.
const uint8_t* flat_follow(const uint8_t* offset);  // from where an offset stands to what it points to
const uint8_t* flat_find(const uint8_t* table, uint32_t field);
const uint8_t* flat_target(const uint8_t* table, uint32_t field);
uint32_t flat_word(const uint8_t* at);  // zero for null

class FlatView;

class FlatVector {
 public:
  explicit FlatVector(const uint8_t* at) : at_(at) {}

  bool absent() const { return at_ == nullptr; }
  uint32_t size() const { return flat_word(at_); }  // elements; of a text: bytes, without its zero
  const uint8_t* data() const { return absent() ? nullptr : at_ + 4; }
  Bytes bytes() const { return Bytes(data(), size()); }
  Text text() const { return Text(reinterpret_cast<const char*>(data()), size()); }
  // Of a vector of texts or tables; index < size().
  FlatVector text_at(uint32_t index) const { return FlatVector(flat_follow(data() + 4 * index)); }
  inline FlatView table_at(uint32_t index) const;

 private:
  const uint8_t* at_;
};

class FlatView {
 public:
  explicit FlatView(const uint8_t* table) : table_(table) {}
  static FlatView root(const uint8_t* file) { return FlatView(flat_follow(file)); }

  const uint8_t* find(uint32_t field) const { return flat_find(table_, field); }  // null: absent
  uint32_t u32(uint32_t field) const { return flat_word(find(field)); }
  FlatVector vector(uint32_t field) const { return FlatVector(flat_target(table_, field)); }

 private:
  const uint8_t* table_;
};

FlatView FlatVector::table_at(uint32_t index) const {
  return FlatView(flat_follow(data() + 4 * index));
}

// What both files are asked first. Errors: kTooShort, kTooLong, kMisaligned, kWrongType, kMalformed.
Error check_file(Bytes file, size_t size_max, const char* identifier, const FlatTable* schema, uint32_t tables_max);

// The bits of a float: finite and not negative.
bool is_finite_not_negative(uint32_t float_bits);

// False: its size is out of bounds, or it has control characters: texts end up on terminals. An absent text is an
// empty one.
bool read_text(FlatVector from, uint32_t size_min, uint32_t size_max, Text* to);

}  // namespace protocol
}  // namespace roost
