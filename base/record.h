// A record of fixed layout, described once: which member of a struct stands where in the bytes.
//
// The bytes are the fields one after the other, integers little-endian. One description serves both directions, and
// costs two bytes a field where calls would cost a dozen each way.
//
//   struct Point { uint16_t x; uint32_t y; };
//   const RecordField kPointFields[] = {ROOST_FIELD(Point, x), record_zeros(2), ROOST_FIELD(Point, y), kRecordEnd};
//
//   store_record(kPointFields, &point, out);      // 8 bytes
//   load_record(kPointFields, in, &point);
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace roost {

struct RecordField {
  uint8_t member;  // its offset in the struct
  uint8_t shape;   // its size in bytes, kRecordBytes added where it is not one integer
};

enum : uint8_t {
  kRecordBytes = 0x80,   // an array of bytes
  kRecordNothing = 0xFF  // for `member`: no member, zeros in the record
};

constexpr RecordField record_zeros(uint8_t size) {
  return RecordField{kRecordNothing, static_cast<uint8_t>(size | kRecordBytes)};
}

// Sizes and offsets must fit: an integer of 1, 2, 4 or 8 bytes, or an array of at most 127, within the struct's first
// 255. Members are integers or enumerations of unsigned types; a bool is not, since not every byte is one.
#define ROOST_FIELD(type, name)                                                          \
  ::roost::RecordField {                                                                 \
    static_cast<uint8_t>(offsetof(type, name)), static_cast<uint8_t>(sizeof(type::name)) \
  }
#define ROOST_BYTES(type, name)                                                                 \
  ::roost::RecordField {                                                                        \
    static_cast<uint8_t>(offsetof(type, name)), static_cast<uint8_t>(sizeof(type::name) | 0x80) \
  }

// Behind the last field of every description.
constexpr RecordField kRecordEnd = {0, 0};
using RecordFields = const RecordField*;

// The bytes of the record.
size_t record_size(RecordFields fields);

// All return where the bytes end. `out` and `in` hold as many.
uint8_t* store_field(const RecordField& field, const void* object, uint8_t* out);
uint8_t* store_record(RecordFields fields, const void* object, uint8_t* out);
const uint8_t* load_record(RecordFields fields, const uint8_t* in, void* object);

}  // namespace roost
