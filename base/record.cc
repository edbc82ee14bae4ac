#include "base/record.h"

#include <string.h>

namespace roost {
namespace {

size_t size_of(RecordField field) {
  return field.shape & ~size_t{kRecordBytes};
}

// An integer of this machine into the record's order, or back.
void copy_field(uint8_t* to, const uint8_t* from, RecordField field) {
  const size_t size = size_of(field);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(to, from, size);
#else
  const bool integer = (field.shape & kRecordBytes) == 0;
  for (size_t i = 0; i < size; ++i) to[i] = from[integer ? size - 1 - i : i];
#endif
}

}  // namespace

size_t record_size(RecordFields fields) {
  size_t size = 0;
  for (; fields->shape != 0; ++fields) size += size_of(*fields);
  return size;
}

uint8_t* store_field(const RecordField& field, const void* object, uint8_t* out) {
  const size_t size = size_of(field);
  if (field.member == kRecordNothing) {
    memset(out, 0, size);
  } else {
    copy_field(out, static_cast<const uint8_t*>(object) + field.member, field);
  }
  return out + size;
}

uint8_t* store_record(RecordFields fields, const void* object, uint8_t* out) {
  for (; fields->shape != 0; ++fields) out = store_field(*fields, object, out);
  return out;
}

const uint8_t* load_record(RecordFields fields, const uint8_t* in, void* object) {
  for (; fields->shape != 0; ++fields) {
    const RecordField field = *fields;
    if (field.member != kRecordNothing) copy_field(static_cast<uint8_t*>(object) + field.member, in, field);
    in += size_of(field);
  }
  return in;
}

}  // namespace roost
