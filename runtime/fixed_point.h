// The integer arithmetic under the quantised kernels, bit for bit that of TensorFlow Lite's reference.
//
// A real factor (input scale x filter scale / output scale, say) becomes a Multiplier, and accumulators are
// rescaled by it with two roundings: a rounding, doubling high multiply, then a rounding shift to the
// right.
//
// The reference computes those factors in double precision. A microcontroller without a double-precision unit would
// pay for it in flash, and one with another libm could differ, so to_multiplier follows the same IEEE roundings in
// integers:
//
//   Multiplier m;
//   if (!to_multiplier(input_scale, filter_scale, output_scale, &m)) return Error::kOperandQuantisation;
//   int32_t y = rescale(accumulator, m);
#pragma once

#include <stdint.h>
#include <string.h>

namespace roost {
namespace runtime {

inline uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Finite, above zero and not subnormal: the only scales anything is computed with.
bool is_usable_scale(float scale);

// value x 2^(shift - 31); value is 0 or in [2^30, 2^31), shift in [-31, 30].
struct Multiplier {
  int32_t value;
  int32_t shift;
};

// a x b / divisor, as double-precision arithmetic gives it: usable scales all three. Where the other two are 1, `a` may
// be any result of single-precision arithmetic on scales, infinity and zero included. False where the factor is 2^30 or
// more: the product could not fit anyway. A factor below 2^-32 gives {0, 0}.
bool to_multiplier(float a, float b, float divisor, Multiplier* multiplier);

// High half of 2ab, rounded to nearest, halves upwards. Not both may be INT32_MIN, where the reference saturates: one
// of them is always a Multiplier's value or a constant.
inline int32_t doubling_high_mul(int32_t a, int32_t b) {
  return static_cast<int32_t>((static_cast<int64_t>(a) * b + (int64_t{1} << 30)) >> 31);
}

// x / 2^exponent rounded to nearest, halves away from zero; exponent in [0, 31].
inline int32_t rounding_shift_right(int32_t x, int32_t exponent) {
  const int32_t mask = static_cast<int32_t>((uint32_t{1} << exponent) - 1);
  const int32_t remainder = x & mask;
  const int32_t threshold = static_cast<int32_t>(static_cast<uint32_t>(mask) >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

// Wraps, as the hardware does: int32 sums of products may overflow in a hostile model, and must stay defined.
inline int32_t wrapping_add(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
inline int32_t wrapping_subtract(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}
inline int32_t wrapping_shift_left(int32_t x, int32_t shift) {
  return static_cast<int32_t>(static_cast<uint32_t>(x) << shift);
}

inline int32_t rescale(int32_t x, Multiplier m) {
  const int32_t left = m.shift > 0 ? m.shift : 0;
  const int32_t right = m.shift > 0 ? 0 : -m.shift;
  return rounding_shift_right(doubling_high_mul(wrapping_shift_left(x, left), m.value), right);
}

inline int32_t clamp(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : (x > high ? high : x);
}

// Fixed-point functions. A Qn number has n integer bits and 31 - n fractional ones.

// exp(a), a in Q5 or Q4 (given by integer_bits) and not above 0; the result in Q0.
int32_t exp_of_negative(int32_t a, int integer_bits);

// 1 / (1 + a), a in Q0 and in [0, 1); the result in Q0.
int32_t one_over_one_plus(int32_t a);

// 1 / (1 + exp(-a)), a in Q4; the result in Q0.
int32_t logistic_of_q4(int32_t a);

}  // namespace runtime
}  // namespace roost
