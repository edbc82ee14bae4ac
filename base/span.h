// A pointer and a count: the one view type of the project.
//
// It is our own because the lower folders compile as gnu++14 (no std::span) and as C++20, and an alias that
// means std::span at one level and something else at another does not link. Borrows; owns nothing.
//
//   Bytes page = ...;
//   MutableBytes head = buffer.first(4);
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <type_traits>

#include "base/assert.h"

// Cheaper than a call: an object of two words is passed in registers, but not returned in them.
#define ROOST_INLINE __attribute__((always_inline)) inline

namespace roost {

// Aligned as a whole, so that it is passed and copied in two registers: less aligned, a compiler for ARM keeps it in
// memory first.
template <typename T>
class alignas(2 * sizeof(size_t)) Span {
 public:
  constexpr Span() : data_(nullptr), size_(0) {}
  constexpr Span(T* data, size_t size) : data_(data), size_(size) {}
  template <size_t N>
  constexpr Span(T (&array)[N]) : data_(array), size_(N) {}  // NOLINT: conversion is the point

  // From a Span of the non-const type: by value, so that it stays in registers.
  template <typename U, typename = typename std::enable_if<std::is_convertible<U*, T*>::value>::type>
  constexpr Span(Span<U> other) : data_(other.data()), size_(other.size()) {}  // NOLINT: conversion is the point

  // From std::array, std::vector, std::string or std::span.
  template <typename Container,
            typename = typename std::enable_if<
                std::is_convertible<decltype(std::declval<Container&>().data()), T*>::value &&
                std::is_convertible<decltype(std::declval<Container&>().size()), size_t>::value>::type>
  constexpr Span(Container& container) : data_(container.data()), size_(container.size()) {}  // NOLINT
  template <typename Container,
            typename = typename std::enable_if<
                std::is_convertible<decltype(std::declval<const Container&>().data()), T*>::value &&
                std::is_convertible<decltype(std::declval<const Container&>().size()), size_t>::value>::type,
            typename = void>
  constexpr Span(const Container& container) : data_(container.data()), size_(container.size()) {}  // NOLINT

  constexpr T* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }

  ROOST_INLINE constexpr T& operator[](size_t index) const {
    ROOST_ASSERT(index < size_);
    return data_[index];
  }

  // The caller has checked the bounds; getting them wrong is our own mistake.
  ROOST_INLINE constexpr Span subspan(size_t offset, size_t size) const {
    ROOST_ASSERT(offset <= size_ && size <= size_ - offset);
    return Span(data_ + offset, size);
  }
  ROOST_INLINE constexpr Span from(size_t offset) const {
    ROOST_ASSERT(offset <= size_);
    return Span(data_ + offset, size_ - offset);
  }
  ROOST_INLINE constexpr Span first(size_t size) const { return subspan(0, size); }

 private:
  T* data_;
  size_t size_;
};

using Bytes = Span<const uint8_t>;
using MutableBytes = Span<uint8_t>;

inline bool same_bytes(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a.data()[i] != b.data()[i]) return false;
  }
  return true;
}

}  // namespace roost
