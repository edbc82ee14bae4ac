#include "base/flatbuffer_check.h"

#include "base/bytes.h"

namespace roost {
namespace {

constexpr uint32_t kOffsetBytes = 4;
constexpr uint32_t kVtableHeadBytes = 4;  // its size and the table's, 16 bits each

}  // namespace

// Sums of an offset and a size stay below 2^32, since the file is no larger than 2^30.
bool FlatCheck::check_root() {
  uint32_t at = 0;
  return file_.size() <= kFlatFileBytesMax && follow(&at) && check_table(at, schema_[0]);
}

// From where an offset stands to what it points to.
bool FlatCheck::follow(uint32_t* at) const {
  if (*at % kOffsetBytes != 0 || !inside(*at, kOffsetBytes)) return false;
  const uint32_t offset = load_le32(file_.data() + *at);
  if (offset == 0 || offset >= file_.size() - *at) return false;
  *at += offset;
  return true;
}

bool FlatCheck::check_table(uint32_t at, const FlatTable& table) {
  if (tables_left_ == 0 || at % kOffsetBytes != 0 || !inside(at, kOffsetBytes)) return false;
  --tables_left_;
  // The distance to the vtable has a sign; unsigned subtraction comes to the same.
  const uint32_t vtable = at - load_le32(file_.data() + at);
  if (vtable % 2 != 0 || !inside(vtable, kVtableHeadBytes)) return false;
  const uint32_t vtable_size = load_le16(file_.data() + vtable);
  if (vtable_size % 2 != 0 || vtable_size < kVtableHeadBytes || !inside(vtable, vtable_size)) return false;
  for (uint32_t i = 0; i < table.count; ++i) {
    const uint32_t entry = kVtableHeadBytes + 2 * i;
    const uint32_t offset = entry < vtable_size ? load_le16(file_.data() + vtable + entry) : 0;
    if (offset == 0 ? (table.fields[i] & kFlatRequired) != 0 : !check_field(at + offset, table.fields[i])) {
      return false;
    }
  }
  return true;
}

bool FlatCheck::check_field(uint32_t at, uint32_t field) {
  const uint32_t size = field & kFlatNumberMask;
  const uint32_t kind = field & kFlatKindMask;
  if (kind == kFlatIgnored) return true;
  if (kind == kFlatScalar) return at % size == 0 && inside(at, size);
  return follow(&at) && check_target(at, field);
}

bool FlatCheck::check_vector(uint32_t at, uint32_t element_size) const {
  if (at % kOffsetBytes != 0 || !inside(at, kOffsetBytes)) return false;
  return load_le32(file_.data() + at) <= (file_.size() - at - kOffsetBytes) / element_size;
}

bool FlatCheck::check_text(uint32_t at) const {
  if (!check_vector(at, 1)) return false;
  const uint32_t end = at + kOffsetBytes + load_le32(file_.data() + at);
  return inside(end, 1) && file_[end] == 0;
}

bool FlatCheck::check_target(uint32_t at, uint32_t field) {
  const uint32_t number = field & kFlatNumberMask;
  const uint32_t kind = field & kFlatKindMask;
  if (kind == kFlatText) return check_text(at);
  if (kind == kFlatTable) return check_table(at, schema_[number]);
  if (kind == kFlatVector) return check_vector(at, number);
  if (!check_vector(at, kOffsetBytes)) return false;
  for (uint32_t left = load_le32(file_.data() + at); left > 0; --left) {
    at += kOffsetBytes;
    uint32_t target = at;
    if (!follow(&target)) return false;
    if (kind == kFlatTexts ? !check_text(target) : !check_table(target, schema_[number])) return false;
  }
  return true;
}

}  // namespace roost
