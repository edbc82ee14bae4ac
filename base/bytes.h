// Little-endian load and store, and two cursors over bytes with bounds. Nothing here casts a struct over memory.
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/span.h"

namespace roost {

inline uint16_t load_le16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] | (p[1] << 8));
}
// Not inline: byte by byte it is some twenty bytes of code, and a call six.
uint32_t load_le32(const uint8_t* p);
inline uint64_t load_le64(const uint8_t* p) {
  return load_le32(p) | (static_cast<uint64_t>(load_le32(p + 4)) << 32);
}
inline void store_le16(uint8_t* p, uint16_t v) {
  p[0] = static_cast<uint8_t>(v);
  p[1] = static_cast<uint8_t>(v >> 8);
}
void store_le32(uint8_t* p, uint32_t v);
inline void store_le64(uint8_t* p, uint64_t v) {
  store_le32(p, static_cast<uint32_t>(v));
  store_le32(p + 4, static_cast<uint32_t>(v >> 32));
}

// Reads fields in order. Reading past the end yields zeros and makes ok() false for good; check ok() once, after
// the last field.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  uint8_t u8() {
    const uint8_t* p = take(1);
    return p ? *p : 0;
  }
  uint16_t u16() {
    const uint8_t* p = take(2);
    return p ? load_le16(p) : 0;
  }
  uint32_t u32() {
    const uint8_t* p = take(4);
    return p ? load_le32(p) : 0;
  }
  uint64_t u64() {
    const uint8_t* p = take(8);
    return p ? load_le64(p) : 0;
  }
  Bytes bytes(size_t size) {
    const uint8_t* p = take(size);
    return p ? Bytes(p, size) : Bytes();
  }
  Bytes rest() { return bytes(remaining()); }
  size_t remaining() const { return bytes_.size() - offset_; }
  bool ok() const { return ok_; }

  // The next `size` bytes, or null.
  const uint8_t* take(size_t size) {
    if (!ok_ || size > remaining()) {
      ok_ = false;
      return nullptr;
    }
    const uint8_t* p = bytes_.data() + offset_;
    offset_ += size;
    return p;
  }

 private:
  Bytes bytes_;
  size_t offset_ = 0;
  bool ok_ = true;
};

// Writes fields in order. Writing past the end writes nothing and makes ok() false for good.
class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes bytes) : bytes_(bytes) {}

  void u8(uint8_t v) {
    if (uint8_t* p = take(1)) *p = v;
  }
  void u16(uint16_t v) {
    if (uint8_t* p = take(2)) store_le16(p, v);
  }
  void u32(uint32_t v) {
    if (uint8_t* p = take(4)) store_le32(p, v);
  }
  void u64(uint64_t v) {
    if (uint8_t* p = take(8)) store_le64(p, v);
  }
  void bytes(Bytes v) {
    uint8_t* p = take(v.size());
    if (p && !v.empty()) memcpy(p, v.data(), v.size());
  }
  size_t size() const { return offset_; }
  MutableBytes written() const { return MutableBytes(bytes_.data(), offset_); }
  bool ok() const { return ok_; }

  // Room for the next `size` bytes, or null.
  uint8_t* take(size_t size) {
    if (!ok_ || size > bytes_.size() - offset_) {
      ok_ = false;
      return nullptr;
    }
    uint8_t* p = bytes_.data() + offset_;
    offset_ += size;
    return p;
  }

 private:
  MutableBytes bytes_;
  size_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace roost
