// Errors as values. Each folder has one closed `enum class Error : uint8_t` whose first value is `kNone = 0`,
// and aliases these two templates:
//
//   using Status = roost::Status<Error>;
//   template <typename T> using Result = roost::Result<T, Error>;
//
//   Result<uint32_t> size = read_size(file);
//   if (!size.ok()) return size.error();
#pragma once

#include "base/assert.h"

namespace roost {

template <typename E>
class [[nodiscard]] Status {
 public:
  constexpr Status() : word_(0) {}
  constexpr Status(E error) : word_(static_cast<unsigned>(error)) {}  // NOLINT: `return Error::kX;` is the point

  constexpr bool ok() const { return word_ == 0; }
  constexpr bool is(E error) const { return word_ == static_cast<unsigned>(error); }
  constexpr E error() const { return static_cast<E>(word_); }

 private:
  unsigned word_;
};

// Either a value or an error that is not kNone. T is default-constructible and cheap to copy.
template <typename T, typename E>
class [[nodiscard]] Result {
 public:
  constexpr Result(T value) : value_(value), error_(E::kNone) {}                            // NOLINT
  constexpr Result(E error) : value_(), error_(error) { ROOST_ASSERT(error != E::kNone); }  // NOLINT

  constexpr bool ok() const { return error_ == E::kNone; }
  constexpr E error() const { return error_; }
  constexpr const T& value() const {
    ROOST_ASSERT(ok());
    return value_;
  }
  constexpr T value_or(T other) const { return ok() ? value_ : other; }

 private:
  T value_;
  E error_;
};

}  // namespace roost
