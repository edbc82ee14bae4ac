// Proves that the integer emulation of the reference's double and single arithmetic is exact: the same multiplier
// and shift as frexp and round give on hundreds of thousands of random scales, and rescaling as its definition in
// exact rationals says. The fixed-point functions are held against libm within their known error, and at points
// whose bits were recorded from the reference.
#include "runtime/fixed_point.h"

#include <gtest/gtest.h>
#include <math.h>
#include <string.h>

#include <random>

namespace roost::runtime {
namespace {

constexpr int kRounds = 200000;

class Scales {
 public:
  explicit Scales(uint32_t seed) : random_(seed) {}

  // Half of them anywhere in the range of normal singles, half of them near 1 as in real models, some with a short
  // mantissa so that ties occur.
  float next() {
    for (;;) {
      uint32_t bits = static_cast<uint32_t>(random_()) & 0x7FFFFFFF;
      if ((random_() & 1) != 0) bits = (bits & 0x007FFFFF) | (static_cast<uint32_t>(105 + random_() % 30) << 23);
      if ((random_() & 7) == 0) bits &= 0xFFFF0000;
      float scale;
      memcpy(&scale, &bits, sizeof scale);
      if (is_usable_scale(scale)) return scale;
    }
  }

 private:
  std::mt19937 random_;
};

// The reference's own definition, in double, of a x b / divisor.
void expect_multiplier(double factor, float a, float b, float divisor) {
  int shift = 0;
  int64_t value = static_cast<int64_t>(round(frexp(factor, &shift) * 2147483648.0));
  if (value == int64_t{1} << 31) {
    value /= 2;
    ++shift;
  }
  if (shift < -31) value = shift = 0;
  Multiplier multiplier = {-1, -1};
  ASSERT_EQ(to_multiplier(a, b, divisor, &multiplier), shift <= 30) << factor;
  if (shift > 30) return;
  ASSERT_EQ(multiplier.value, value) << factor;
  ASSERT_EQ(multiplier.shift, shift) << factor;
}

TEST(UsableScale, IsANormalPositiveSingle) {
  EXPECT_TRUE(is_usable_scale(1.0f));
  EXPECT_TRUE(is_usable_scale(1.17549435e-38f));
  EXPECT_TRUE(is_usable_scale(3.4e38f));
  EXPECT_FALSE(is_usable_scale(0.0f));
  EXPECT_FALSE(is_usable_scale(-0.0f));
  EXPECT_FALSE(is_usable_scale(-1.0f));
  EXPECT_FALSE(is_usable_scale(1e-40f));
  EXPECT_FALSE(is_usable_scale(INFINITY));
  EXPECT_FALSE(is_usable_scale(-INFINITY));
  EXPECT_FALSE(is_usable_scale(NAN));
}

TEST(Multiplier, OfAQuotientRoundsAsADoubleDoes) {
  Scales scales(1);
  for (int i = 0; i < kRounds; ++i) {
    const float a = scales.next(), b = scales.next(), c = scales.next();
    expect_multiplier(static_cast<double>(a) * b / c, a, b, c);
    expect_multiplier(static_cast<double>(a) / c, a, 1.0f, c);
    if (HasFatalFailure()) return;
  }
}

uint64_t inverse(uint64_t number, uint64_t prime) {
  uint64_t result = 1;
  for (uint64_t power = prime - 2; power > 0; power /= 2) {
    if (power % 2 != 0) result = result * number % prime;
    number = number * number % prime;
  }
  return result;
}

// Quotients so little below a half of the last bit that a double cannot tell them from it: the reference rounds up
// where one rounding would round down. a x b x 2^k is one less than an odd multiple of the divisor, doubled.
TEST(Multiplier, RoundsTwiceWhereThatIsNotRoundingOnce) {
  std::mt19937 random(4);
  int ties = 0;
  for (int i = 0; i < kRounds; ++i) {
    const uint64_t divisor = i % 2 == 0 ? 16777213 : 8388617;
    const uint64_t a = (random() & 0x7FFFFF) | 0x400000;
    const uint64_t b = (divisor - inverse((a << (6 + random() % 5)) % divisor, divisor)) % divisor;
    const float x = static_cast<float>(a), y = static_cast<float>(b), z = static_cast<float>(divisor);
    const double factor = static_cast<double>(x) * y / z;
    int exponent = 0;
    const double bits = frexp(factor, &exponent) * 2147483648.0;
    ties += bits - floor(bits) == 0.5 ? 1 : 0;
    expect_multiplier(factor, x, y, z);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(ties, kRounds / 100);
}

TEST(Multiplier, SingleStepsRoundAsSinglesDo) {
  Scales scales(2);
  int compared = 0;
  for (int i = 0; i < kRounds; ++i) {
    const float a = scales.next(), b = scales.next(), c = scales.next();
    const float ab = a * b;
    if (!is_usable_scale(ab)) continue;
    expect_multiplier(static_cast<double>(ab) / c, ab, 1.0f, c);
    if (isfinite(ab / c)) expect_multiplier(ab / c, ab / c, 1.0f, 1.0f);
    if (HasFatalFailure()) return;
    ++compared;
  }
  EXPECT_GT(compared, kRounds / 2);
}

TEST(Multiplier, RefusesFactorsThatCannotFitAndFlushesTinyOnes) {
  Multiplier m;
  EXPECT_FALSE(to_multiplier(ldexpf(1, 30), 1, 1, &m));
  EXPECT_FALSE(to_multiplier(INFINITY, 1, 1, &m));
  ASSERT_TRUE(to_multiplier(ldexpf(1, 29), 1, 1, &m));
  EXPECT_EQ(m.value, 1 << 30);
  EXPECT_EQ(m.shift, 30);
  ASSERT_TRUE(to_multiplier(ldexpf(1, -32), 1, 1, &m));
  EXPECT_EQ(m.value, 1 << 30);
  EXPECT_EQ(m.shift, -31);
  for (const float tiny : {ldexpf(1, -33), 1e-40f, 0.0f}) {
    ASSERT_TRUE(to_multiplier(tiny, 1, 1, &m));
    EXPECT_EQ(m.value, 0);
    EXPECT_EQ(m.shift, 0);
  }
}

TEST(Multiplier, CarriesIntoTheShiftWhenItRoundsUpToOne) {
  Multiplier m;
  ASSERT_TRUE(to_multiplier(10610063.0f, 13264529.0f, ldexpf(1, 47), &m));  // 1 - 2^-47
  EXPECT_EQ(m.value, 1 << 30);
  EXPECT_EQ(m.shift, 1);
}

TEST(Rescale, RoundsTwice) {
  // 3 x 2^-1 = 1.5: the doubling multiply keeps it whole (shift 0 is x 1/2), halves upwards.
  EXPECT_EQ(rescale(3, {1 << 30, 0}), 2);
  EXPECT_EQ(rescale(-3, {1 << 30, 0}), -1);
  // 5 x 2^-2 = 1.25: the first rounding gives 3 (2.5 upwards), the second 2 (1.5 away from zero). Once would
  // give 1.
  EXPECT_EQ(rescale(5, {1 << 30, -1}), 2);
  EXPECT_EQ(rescale(-5, {1 << 30, -1}), -1);
  EXPECT_EQ(rescale(7, {1 << 30, 3}), 28);
  EXPECT_EQ(rescale(INT32_MAX, {INT32_MAX, 0}), INT32_MAX - 1);
}

TEST(Rescale, StepsFollowTheirDefinitions) {
  std::mt19937 random(4);
  for (int i = 0; i < kRounds; ++i) {
    const int32_t a = static_cast<int32_t>(random()) >> (random() % 31);
    const int32_t b = static_cast<int32_t>(random()) >> (random() % 31);
    // floor(ab / 2^31 + 1/2), ab / 2^31 split so that a double holds each part.
    const int64_t ab = static_cast<int64_t>(a) * b;
    const int64_t whole = static_cast<int64_t>(floor(static_cast<double>(ab >> 20) / 2048.0));
    const int64_t rest = ab - whole * (int64_t{1} << 31);
    ASSERT_EQ(doubling_high_mul(a, b), whole + (rest >= (int64_t{1} << 30) ? 1 : 0));
    const int32_t exponent = static_cast<int32_t>(random() % 32);
    ASSERT_EQ(rounding_shift_right(a, exponent), static_cast<int32_t>(round(ldexp(a, -exponent))));
  }
  EXPECT_EQ(doubling_high_mul(INT32_MIN, INT32_MAX), -INT32_MAX);
}

TEST(FixedPoint, ExponentialIsWithinItsErrorEverywhere) {
  for (const int integer_bits : {4, 5}) {
    for (int64_t raw = 0; raw >= INT32_MIN; raw -= 9973) {
      const double a = static_cast<double>(raw) / (int64_t{1} << (31 - integer_bits));
      const double result = exp_of_negative(static_cast<int32_t>(raw), integer_bits) / 2147483648.0;
      ASSERT_NEAR(result, exp(a), 5e-7) << a;
    }
  }
}

TEST(FixedPoint, ReciprocalIsWithinItsErrorEverywhere) {
  for (int64_t raw = 0; raw <= INT32_MAX; raw += 9973) {
    const double a = static_cast<double>(raw) / 2147483648.0;
    ASSERT_NEAR(one_over_one_plus(static_cast<int32_t>(raw)) / 2147483648.0, 1 / (1 + a), 1e-8) << a;
  }
}

TEST(FixedPoint, LogisticIsWithinItsErrorEverywhere) {
  for (int64_t raw = -INT32_MAX; raw <= INT32_MAX; raw += 19937) {
    const double a = static_cast<double>(raw) / (1 << 27);
    ASSERT_NEAR(logistic_of_q4(static_cast<int32_t>(raw)) / 2147483648.0, 1 / (1 + exp(-a)), 5e-7) << a;
  }
}

TEST(FixedPoint, FunctionsHaveTheReferencesBits) {
  EXPECT_EQ(exp_of_negative(0, 5), INT32_MAX);
  EXPECT_EQ(one_over_one_plus(0), INT32_MAX);
  EXPECT_EQ(logistic_of_q4(0), 1 << 30);
  EXPECT_EQ(exp_of_negative(-1, 5), 2147483124);
  EXPECT_EQ(exp_of_negative(-67108864, 5), 790015308);
  EXPECT_EQ(exp_of_negative(-123456789, 5), 341177383);
  EXPECT_EQ(exp_of_negative(INT32_MIN, 5), 0);
  EXPECT_EQ(exp_of_negative(-1, 4), 2147483140);
  EXPECT_EQ(exp_of_negative(-134217728, 4), 790015308);
  EXPECT_EQ(exp_of_negative(-987654321, 4), 1368142);
  EXPECT_EQ(one_over_one_plus(1), 2147483647);
  EXPECT_EQ(one_over_one_plus(1073741824), 1431655762);
  EXPECT_EQ(one_over_one_plus(123456789), 2030738432);
  EXPECT_EQ(one_over_one_plus(2147483647), 1073741820);
  EXPECT_EQ(logistic_of_q4(1), 1073741948);
  EXPECT_EQ(logistic_of_q4(-1), 1073741699);
  EXPECT_EQ(logistic_of_q4(134217728), 1569936226);
  EXPECT_EQ(logistic_of_q4(-134217728), 577547421);
  EXPECT_EQ(logistic_of_q4(2000000000), 2147482924);
}

}  // namespace
}  // namespace roost::runtime
