// Bytes at an address that models and arenas need (16), owned.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/span.h"

namespace roost::host {

class AlignedBytes {
 public:
  explicit AlignedBytes(size_t size)
      : size_(size),
        data_(
            static_cast<uint8_t*>(std::aligned_alloc(kAlignment, (size + kAlignment) / kAlignment * kAlignment))) {
    if (!data_) throw std::bad_alloc();
    memset(data_, 0, size);
  }
  explicit AlignedBytes(Bytes copied) : AlignedBytes(copied.size()) {
    if (!copied.empty()) memcpy(data_, copied.data(), copied.size());
  }
  ~AlignedBytes() { std::free(data_); }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;

  Bytes bytes() const { return Bytes(data_, size_); }
  MutableBytes span() { return MutableBytes(data_, size_); }

 private:
  static constexpr size_t kAlignment = 16;
  size_t size_;
  uint8_t* data_;
};

}  // namespace roost::host
