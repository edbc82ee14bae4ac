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

#include "base/span.h"

namespace roost {

struct RecordField {
  uint8_t member;  // its offset in the struct
  uint8_t size;    // in bytes
};

constexpr uint8_t kRecordNothing = 0xFF;  // for `member`: no member, zeros in the record
constexpr RecordField record_zeros(uint8_t size) {
  return RecordField{kRecordNothing, size};
}

// Of 1, 2, 4 or 8 bytes: an integer, or an enumeration, of an unsigned type (a bool is not, since not every byte is
// one). Of any other size: an array of bytes. Within the struct's first 255.
#define ROOST_FIELD(type, name)                                                          \
  ::roost::RecordField {                                                                 \
    static_cast<uint8_t>(offsetof(type, name)), static_cast<uint8_t>(sizeof(type::name)) \
  }

// Behind the last field of every description.
constexpr RecordField kRecordEnd = {0, 0};
using RecordFields = const RecordField*;

// The bytes of the record; a constant where the description is one.
constexpr size_t record_size(RecordFields fields) {
  size_t size = 0;
  for (; fields->size != 0; ++fields) size += fields->size;
  return size;
}

enum class RecordWay : uint8_t { kStore, kLoad };
// Both ways in one place: of `object` and `bytes`, one is only read.
uint8_t* move_record(RecordFields fields, uint8_t* object, uint8_t* bytes, RecordWay way);

// Both return where the bytes end. `out` and `in` hold as many.
ROOST_INLINE uint8_t* store_record(RecordFields fields, const void* object, uint8_t* out) {
  return move_record(fields, static_cast<uint8_t*>(const_cast<void*>(object)), out, RecordWay::kStore);
}
ROOST_INLINE const uint8_t* load_record(RecordFields fields, const uint8_t* in, void* object) {
  return move_record(fields, static_cast<uint8_t*>(object), const_cast<uint8_t*>(in), RecordWay::kLoad);
}

}  // namespace roost
