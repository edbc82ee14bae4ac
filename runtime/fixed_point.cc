#include "runtime/fixed_point.h"

#include "base/assert.h"

namespace roost {
namespace runtime {
namespace {

constexpr uint32_t kSingleFractionBits = 23;
constexpr uint32_t kSingleExponentMask = 0xFF;
constexpr int32_t kSingleExponentBias = 127;
constexpr int32_t kMantissaBits = 64;

// What stands before the point is so many bits long; of numbers below 1/2 it is negative.
int32_t whole_bits(const Real& a) {
  return a.exponent + kMantissaBits;
}

uint32_t upper_half(const Real& a) {
  return static_cast<uint32_t>(a.mantissa >> 32);
}

// To the nearest number of `bits` bits, ties to even. Once: 64-bit shifts are long.
[[gnu::noinline]] Real rounded(Real a, int bits) {
  const uint64_t unit = uint64_t{1} << (kMantissaBits - bits);
  const uint64_t before = a.mantissa;
  a.mantissa += (unit >> 1) - ((before & unit) != 0 ? 0 : 1);
  const bool carried = a.mantissa < before;
  a.mantissa &= ~(unit - 1);
  return carried ? Real(1, whole_bits(a)) : a;
}

}  // namespace

bool is_usable_scale(float scale) {
  const uint32_t bits = bits_of(scale);
  const uint32_t sign_and_exponent = bits >> kSingleFractionBits;
  return sign_and_exponent > 0 && sign_and_exponent < kSingleExponentMask;
}

Real::Real(uint64_t bits, int32_t power_of_two) : mantissa(bits), exponent(power_of_two) {
  for (; mantissa >> (kMantissaBits - 1) == 0; mantissa <<= 1) --exponent;
}

Real::Real(float value) {
  ROOST_ASSERT(is_usable_scale(value));
  const uint32_t bits = bits_of(value);
  // The fraction moves to where the exponent's lowest bit was, and the 1 that singles leave out before it.
  mantissa = static_cast<uint64_t>(bits << 8 | 0x80000000u) << 32;
  exponent = static_cast<int32_t>(bits >> kSingleFractionBits) - kSingleExponentBias - (kMantissaBits - 1);
}

Real product(float a, float b) {
  const Real x(a);
  const Real y(b);
  return Real(static_cast<uint64_t>(upper_half(x)) * upper_half(y), x.exponent + y.exponent + kMantissaBits);
}

// Long division, a bit at a time: prepare is rare, and a 64-bit division would cost a target its flash.
Real quotient(const Real& a, const Real& b, int bits) {
  // Halved, which loses nothing, so that the remainder may be doubled.
  uint64_t remainder = a.mantissa >> 1;
  const uint64_t divisor = b.mantissa >> 1;
  uint64_t result = 0;
  for (int bit = 0; bit < kMantissaBits; ++bit) {
    result <<= 1;
    if (remainder >= divisor) {
      remainder -= divisor;
      result |= 1;
    }
    remainder <<= 1;
  }
  // What remains makes the last bit sticky, far below the one that rounding is about.
  if (remainder != 0) result |= 1;
  return rounded(Real(result, a.exponent - b.exponent - (kMantissaBits - 1)), bits);
}

Real round_to_single(const Real& a) {
  return rounded(a, kSingleBits);
}

bool is_single(const Real& a) {
  const int32_t top = whole_bits(a) - 1;
  return top >= 1 - kSingleExponentBias && top <= kSingleExponentBias;
}

Real times_power_of_two(const Real& a, int32_t power) {
  Real result = a;
  result.exponent += power;
  return result;
}

bool is_less(const Real& a, const Real& b) {
  return a.exponent != b.exponent ? a.exponent < b.exponent : a.mantissa < b.mantissa;
}

int32_t round_to_int(const Real& a) {
  const int32_t whole = whole_bits(a);
  if (whole > 31) return INT32_MAX;
  if (whole < 0) return 0;
  const uint32_t doubled = upper_half(a) >> (31 - whole);  // one fractional bit: the half
  const uint32_t nearest = (doubled >> 1) + (doubled & 1);
  return nearest > INT32_MAX ? INT32_MAX : static_cast<int32_t>(nearest);
}

bool to_multiplier(const Real& factor, Multiplier* multiplier) {
  int32_t shift = whole_bits(factor);  // factor = fraction x 2^shift, the fraction in [1/2, 1)
  uint32_t value = (upper_half(factor) >> 1) + (upper_half(factor) & 1);
  if (value >> 31 != 0) {
    value >>= 1;
    ++shift;
  }
  if (shift > 30) return false;
  *multiplier = shift < -31 ? Multiplier{0, 0} : Multiplier{static_cast<int32_t>(value), shift};
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
