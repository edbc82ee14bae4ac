#include "base/flatbuffer_check.h"

namespace roost {
namespace {

constexpr uint32_t kOffsetBytes = 4;
constexpr uint32_t kEntryBytes = 2;       // of a vtable
constexpr uint32_t kVtableHeadBytes = 4;  // its size and the table's, 16 bits each
constexpr uint32_t kFlatVector = kFlatScalar | kFlatMany;

}  // namespace

// A number of so many bytes, a power of two; null: there is none. No number at a multiple of its size wraps around.
const uint8_t* FlatCheck::find_number(uint32_t at, uint32_t size) const {
  const uint32_t rest = size - 1;
  return (at & rest) == 0 && at + rest < file_.size() ? file_.data() + at : nullptr;
}

bool FlatCheck::check_table(uint32_t at, FlatTable fields) {
  const uint8_t* const distance = find_number(at, kOffsetBytes);
  if (distance == nullptr || tables_left_ == 0) return false;
  --tables_left_;
  // The distance to the vtable has a sign; unsigned subtraction comes to the same.
  const uint32_t start = at - flat_load<uint32_t>(distance);
  const uint8_t* const vtable = find_number(start, kEntryBytes);  // begins with its size
  if (vtable == nullptr) return false;
  const uint32_t vtable_size = flat_load<uint16_t>(vtable);
  if (find_number(start + vtable_size - kEntryBytes, kEntryBytes) == nullptr) return false;  // its last entry
  for (uint32_t entry = kVtableHeadBytes;; entry += kEntryBytes) {
    const uint32_t field = *fields++;
    if (field == kFlatEnd) return true;
    const uint32_t offset = entry < vtable_size ? flat_load<uint16_t>(vtable + entry) : 0;
    if (offset == 0 ? (field & kFlatRequired) != 0 : !check_field(at + offset, field)) return false;
  }
}

// Of all but scalars there is an offset to the thing itself. An element of a vector is checked like a field.
bool FlatCheck::check_field(uint32_t at, uint32_t field) {
  const uint32_t number = field & kFlatNumberMask;
  const uint32_t kind = field & kFlatKindMask;
  const uint8_t* const place = find_number(at, kind == kFlatScalar ? number : kOffsetBytes);
  if (place == nullptr) return false;
  if (kind == kFlatScalar) return true;
  const int32_t offset = static_cast<int32_t>(flat_load<uint32_t>(place));
  if (offset <= 0) return false;  // too large, or to itself
  at += static_cast<uint32_t>(offset);
  if (kind == kFlatTable) return check_table(at, schema_[number]);

  const uint8_t* const head = find_number(at, kOffsetBytes);
  if (head == nullptr) return false;
  const uint32_t size = flat_load<uint32_t>(head);
  at += kOffsetBytes;
  if (kind > kFlatVector) {
    for (uint32_t left = size; left != 0; --left, at += kOffsetBytes) {
      if (!check_field(at, field - kFlatMany)) return false;
    }
    return true;
  }
  const size_t room = file_.size() - at;
  if (size > room / number) return false;
  return kind == kFlatVector || (size != room && file_.data()[at + size] == 0);
}

}  // namespace roost
