// Of FlatBuffers, the declarations that the adapter uses.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace flatbuffers {
class Verifier {
 public:
  Verifier(const uint8_t* buf, size_t buf_len);
};
struct String {
  const char* c_str() const;
  uint32_t size() const;
};
template <typename T>
struct Offset {};
template <typename T>
struct Vector {
  uint32_t size() const;
};
template <typename T>
struct Vector<Offset<T>> {
  uint32_t size() const;
  const T* Get(uint32_t index) const;
};
}  // namespace flatbuffers
