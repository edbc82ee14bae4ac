#include "base/record.h"

#include <string.h>

namespace roost {
namespace {

// An integer of this machine into the record's order, or back; or bytes as they are.
void copy_field(uint8_t* to, const uint8_t* from, size_t size) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(to, from, size);
#else
  const bool integer = size <= 8 && (size & (size - 1)) == 0;
  for (size_t i = 0; i < size; ++i) to[i] = from[integer ? size - 1 - i : i];
#endif
}

}  // namespace

uint8_t* move_record(RecordFields fields, uint8_t* object, uint8_t* bytes, RecordWay way) {
  for (; fields->size != 0; ++fields) {
    const bool store = way == RecordWay::kStore;
    uint8_t* const member = object + fields->member;
    if (fields->member != kRecordNothing) {
      copy_field(store ? bytes : member, store ? member : bytes, fields->size);
    } else if (store) {
      memset(bytes, 0, fields->size);
    }
    bytes += fields->size;
  }
  return bytes;
}

}  // namespace roost
