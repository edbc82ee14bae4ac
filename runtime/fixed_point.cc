#include "runtime/fixed_point.h"

namespace roost {
namespace runtime {
namespace {

constexpr uint32_t kFractionBits = 23;
constexpr uint32_t kExponentMask = 0xFF;

// Of singles above zero, the sign is 0: value = mantissa x 2^(exponent - 150).
uint32_t mantissa_of(float value) {
  constexpr uint32_t kOne = uint32_t{1} << kFractionBits;  // which singles leave out
  return (bits_of(value) & (kOne - 1)) | kOne;
}
int32_t exponent_of(float value) {
  return static_cast<int32_t>(bits_of(value) >> kFractionBits);
}

}  // namespace

bool is_usable_scale(float scale) {
  const uint32_t sign_and_exponent = bits_of(scale) >> kFractionBits;
  return sign_and_exponent > 0 && sign_and_exponent < kExponentMask;
}

// Long division, a bit at a time: prepare is rare, and a 64-bit division would cost a target its flash.
//
// A double has 53 bits of the quotient, ties to even; the multiplier 31, halves upwards. The first rounding matters
// to the second only where it carries through all the bits between, which are ones then: at a tie, too, it goes
// upwards. So one addition does both.
bool to_multiplier(float a, float b, float divisor, Multiplier* multiplier) {
  constexpr int kQuotientBits = 54;  // of a double, and the one that its rounding looks at
  constexpr int kWantedBits = 31;
  constexpr uint64_t kHalf = uint64_t{1} << (kQuotientBits - kWantedBits - 1);
  const uint64_t product = static_cast<uint64_t>(mantissa_of(a)) * mantissa_of(b);
  const uint32_t divider = mantissa_of(divisor);
  // No divider fits into the first 23 of the product's 48 bits.
  uint32_t remainder = static_cast<uint32_t>(product >> 25);
  uint64_t dividend = product << 39;
  uint64_t quotient = 0;
  int32_t shift = exponent_of(a) + exponent_of(b) - exponent_of(divisor) - 71;
  for (; quotient >> (kQuotientBits - 1) == 0; --shift) {
    remainder = remainder << 1 | static_cast<uint32_t>(dividend >> 63);
    dividend <<= 1;
    quotient <<= 1;
    if (remainder < divider) continue;
    remainder -= divider;
    quotient |= 1;
  }
  uint32_t value = static_cast<uint32_t>((quotient + kHalf + 1) >> (kQuotientBits - kWantedBits));
  if (value >> kWantedBits != 0) {
    value >>= 1;
    ++shift;
  }
  if (shift > 30) return false;
  *multiplier = shift < -31 ? Multiplier{0, 0} : Multiplier{static_cast<int32_t>(value), shift};
  return true;
}

namespace {

constexpr int32_t kOneInQ0 = INT32_MAX;

// Once: it is asked for a dozen times.
[[gnu::noinline]] int32_t times(int32_t a, int32_t b) {
  return doubling_high_mul(a, b);
}

// exp(a) on [-1/4, 0), a in Q0: the Taylor polynomial of degree 4 around -1/8.
int32_t exp_on_last_quarter(int32_t a) {
  constexpr int32_t kExpOfMinusEighth = 1895147668;
  constexpr int32_t kThird = 715827883;
  const int32_t x = a + (1 << 28);
  const int32_t x2 = times(x, x);
  const int32_t x3 = times(x2, x);
  const int32_t x4 = times(x2, x2);
  const int32_t higher = times(rounding_shift_right(x4, 2) + x3, kThird) + x2;
  return kExpOfMinusEighth + times(kExpOfMinusEighth, x + rounding_shift_right(higher, 1));
}

}  // namespace

int32_t exp_of_negative(int32_t a, int integer_bits) {
  if (a == 0) return kOneInQ0;
  // a = part - whole quarters; exp(-quarters) is multiplied in a bit at a time.
  const int fraction_bits = 31 - integer_bits;
  const int32_t quarter = int32_t{1} << (fraction_bits - 2);
  const int32_t part = (a & (quarter - 1)) - quarter;
  int32_t result = exp_on_last_quarter(wrapping_shift_left(part, integer_bits));
  const uint32_t quarters = static_cast<uint32_t>(part) - static_cast<uint32_t>(a);
  // exp of -1/4, -1/2, -1, -2, -4, -8, -16 in Q0.
  static const int32_t kExpOfMinusPower[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  for (int power = -2; power < integer_bits; ++power) {
    if ((quarters & (uint32_t{1} << (fraction_bits + power))) != 0) {
      result = times(result, kExpOfMinusPower[power + 2]);
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
  int32_t x = wrapping_add(k48Over17InQ2, times(d, kMinus32Over17InQ2));
  for (int i = 0; i < 3; ++i) {
    const int32_t error = kOneInQ2 - times(d, x);
    x = wrapping_add(x, wrapping_shift_left(times(x, error), 2));
  }
  // x / 2 read as Q1, brought to Q0, where 1 itself has no place.
  return x > kOneInQ0 / 2 ? kOneInQ0 : wrapping_shift_left(x, 1);
}

int32_t logistic_of_q4(int32_t a) {
  if (a == 0) return 1 << 30;
  const int32_t negative = a > 0 ? -a : a;
  const int32_t positive_result = one_over_one_plus(exp_of_negative(negative, 4));
  return a > 0 ? positive_result : kOneInQ0 - positive_result;
}

}  // namespace runtime
}  // namespace roost
