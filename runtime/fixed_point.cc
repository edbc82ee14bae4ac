#include "runtime/fixed_point.h"

#include "base/assert.h"

namespace roost {
namespace runtime {
namespace {

constexpr uint32_t kSingleFractionBits = 23;
constexpr uint32_t kSingleExponentMask = 0xFF;
constexpr int32_t kSingleExponentBias = 127;

int bit_length(uint64_t x) {
  return x == 0 ? 0 : 64 - __builtin_clzll(x);
}

}  // namespace

bool is_usable_scale(float scale) {
  const uint32_t bits = bits_of(scale);
  const uint32_t sign_and_exponent = bits >> kSingleFractionBits;
  return sign_and_exponent > 0 && sign_and_exponent < kSingleExponentMask;
}

Real::Real(float value) {
  ROOST_ASSERT(is_usable_scale(value));
  const uint32_t bits = bits_of(value);
  const uint32_t fraction = bits & ((uint32_t{1} << kSingleFractionBits) - 1);
  mantissa = fraction | (uint32_t{1} << kSingleFractionBits);
  exponent = static_cast<int32_t>(bits >> kSingleFractionBits) - kSingleExponentBias -
             static_cast<int32_t>(kSingleFractionBits);
}

Real product(float a, float b) {
  const Real x(a);
  const Real y(b);
  return Real(x.mantissa * y.mantissa, x.exponent + y.exponent);
}

// Long division, a bit at a time: prepare is rare, and a 64-bit division would cost a target its flash.
Real quotient(const Real& a, const Real& b, int bits) {
  const int excess = bit_length(a.mantissa) - bit_length(b.mantissa);
  uint64_t remainder = excess < 0 ? a.mantissa << -excess : a.mantissa;
  const uint64_t divisor = excess > 0 ? b.mantissa << excess : b.mantissa;
  int32_t exponent = a.exponent - b.exponent + excess;
  if (remainder < divisor) {
    remainder <<= 1;
    --exponent;
  }
  // The first bit is 1. One bit more than asked for is the half; what remains makes it sticky.
  uint64_t result = 0;
  for (int bit = 0; bit <= bits; ++bit) {
    result <<= 1;
    if (remainder >= divisor) {
      remainder -= divisor;
      result |= 1;
    }
    remainder <<= 1;
  }
  const bool half = (result & 1) != 0;
  result >>= 1;
  if (half && (remainder != 0 || (result & 1) != 0)) ++result;
  return Real(result, exponent - bits + 1);
}

Real round_to_single(const Real& a) {
  const int surplus = bit_length(a.mantissa) - kSingleBits;
  if (surplus <= 0) return a;
  const uint64_t half = uint64_t{1} << (surplus - 1);
  const uint64_t rest = a.mantissa & (half * 2 - 1);
  uint64_t kept = a.mantissa >> surplus;
  if (rest > half || (rest == half && (kept & 1) != 0)) ++kept;
  return Real(kept, a.exponent + surplus);
}

bool is_single(const Real& a) {
  const int32_t top = a.exponent + bit_length(a.mantissa) - 1;
  return top >= 1 - kSingleExponentBias && top <= kSingleExponentBias;
}

Real times_power_of_two(const Real& a, int32_t power) {
  return Real(a.mantissa, a.exponent + power);
}

bool is_less(const Real& a, const Real& b) {
  const int a_length = bit_length(a.mantissa);
  const int b_length = bit_length(b.mantissa);
  const int32_t a_top = a.exponent + a_length;
  const int32_t b_top = b.exponent + b_length;
  if (a_top != b_top) return a_top < b_top;
  return (a.mantissa << (64 - a_length)) < (b.mantissa << (64 - b_length));
}

int32_t round_to_int(const Real& a) {
  const int32_t top = a.exponent + bit_length(a.mantissa);
  if (top > 31) return INT32_MAX;
  if (top < 0) return 0;
  if (a.exponent >= 0) return static_cast<int32_t>(a.mantissa << a.exponent);
  // Shifting by exponent + 1 leaves one fractional bit: the half. top >= 0 keeps the shift within the mantissa.
  const uint64_t doubled = a.mantissa >> (-a.exponent - 1);
  const uint64_t rounded = (doubled + 1) >> 1;
  return rounded > INT32_MAX ? INT32_MAX : static_cast<int32_t>(rounded);
}

bool to_multiplier(const Real& factor, Multiplier* multiplier) {
  const int length = bit_length(factor.mantissa);
  int32_t shift = factor.exponent + length;  // factor = fraction x 2^shift, the fraction in [1/2, 1)
  // A 32-bit mantissa keeps the half below the 31 bits wanted.
  const uint64_t top32 = length > 32 ? factor.mantissa >> (length - 32) : factor.mantissa << (32 - length);
  uint64_t value = (top32 + 1) >> 1;
  if (value == uint64_t{1} << 31) {
    value >>= 1;
    ++shift;
  }
  if (shift > 30) return false;
  if (shift < -31) {
    value = 0;
    shift = 0;
  }
  multiplier->value = static_cast<int32_t>(value);
  multiplier->shift = shift;
  return true;
}

namespace {

constexpr int32_t kOneInQ0 = INT32_MAX;

// x 2^exponent, saturating.
int32_t saturating_shift_left(int32_t x, int exponent) {
  const int32_t limit = INT32_MAX >> exponent;
  if (x > limit) return INT32_MAX;
  if (x < -limit) return INT32_MIN;
  return wrapping_shift_left(x, exponent);
}

// exp(a) on [-1/4, 0), a in Q0: the Taylor polynomial of degree 4 around -1/8.
int32_t exp_on_last_quarter(int32_t a) {
  constexpr int32_t kExpOfMinusEighth = 1895147668;
  constexpr int32_t kThird = 715827883;
  const int32_t x = a + (1 << 28);
  const int32_t x2 = doubling_high_mul(x, x);
  const int32_t x3 = doubling_high_mul(x2, x);
  const int32_t x4 = doubling_high_mul(x2, x2);
  const int32_t higher = doubling_high_mul(rounding_shift_right(x4, 2) + x3, kThird) + x2;
  return kExpOfMinusEighth + doubling_high_mul(kExpOfMinusEighth, x + rounding_shift_right(higher, 1));
}

}  // namespace

int32_t exp_of_negative(int32_t a, int integer_bits) {
  if (a == 0) return kOneInQ0;
  // a = part - whole quarters; exp(-quarters) is multiplied in a bit at a time.
  const int fraction_bits = 31 - integer_bits;
  const int32_t quarter = int32_t{1} << (fraction_bits - 2);
  const int32_t part = (a & (quarter - 1)) - quarter;
  int32_t result = exp_on_last_quarter(saturating_shift_left(part, integer_bits));
  const uint32_t quarters = static_cast<uint32_t>(part) - static_cast<uint32_t>(a);
  // exp of -1/4, -1/2, -1, -2, -4, -8, -16 in Q0.
  static const int32_t kExpOfMinusPower[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  for (int power = -2; power < integer_bits; ++power) {
    if ((quarters & (uint32_t{1} << (fraction_bits + power))) != 0) {
      result = doubling_high_mul(result, kExpOfMinusPower[power + 2]);
    }
  }
  return result;
}

// Newton-Raphson for the reciprocal of d = (1 + a) / 2, which lies in [1/2, 1); x in Q2.
int32_t one_over_one_plus(int32_t a) {
  constexpr int32_t k48Over17InQ2 = 1515870810;
  constexpr int32_t kMinus32Over17InQ2 = -1010580540;
  constexpr int32_t kOneInQ2 = 1 << 29;
  const int32_t d = static_cast<int32_t>((static_cast<int64_t>(a) + kOneInQ0 + 1) / 2);
  int32_t x = wrapping_add(k48Over17InQ2, doubling_high_mul(d, kMinus32Over17InQ2));
  for (int i = 0; i < 3; ++i) {
    const int32_t error = kOneInQ2 - doubling_high_mul(d, x);
    x = wrapping_add(x, saturating_shift_left(doubling_high_mul(x, error), 2));
  }
  // x / 2 read as Q1, brought to Q0.
  return saturating_shift_left(x, 1);
}

int32_t logistic_of_q4(int32_t a) {
  if (a == 0) return 1 << 30;
  const int32_t negative = a > 0 ? -a : a;
  const int32_t positive_result = one_over_one_plus(exp_of_negative(negative, 4));
  return a > 0 ? positive_result : kOneInQ0 - positive_result;
}

}  // namespace runtime
}  // namespace roost
