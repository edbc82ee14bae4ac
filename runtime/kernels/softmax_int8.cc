// SOFTMAX on int8, to int8 or int16, along the last axis, in fixed point.
#include "runtime/kernels/all.h"
#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {
namespace {

// Differences to the largest value are scaled to Q5, sums of exponentials are kept in Q12.
constexpr int32_t kDifferenceIntegerBits = 5;
constexpr int32_t kSumIntegerBits = 12;

struct Data {
  Multiplier input;
  int32_t difference_min;  // below, the exponential counts as zero
  int32_t depth;
  int32_t output_bits;
};

// The scales an output may have, by their bits, which have the order of the values: of int8 just 2^-8; of int16 the
// reference lets pass what differs from 2^-16 by a thousandth of it at most.
constexpr uint32_t kScale8 = 0x3B800000;
constexpr uint32_t kScale16Low = 0x377FBE77;
constexpr uint32_t kScale16High = 0x378020C4;

// The lowest value as zero point: outputs are fractions of 1.
Error expect_output(const Tensor& output, int32_t bits) {
  const uint32_t scale = bits_of(output.scale());
  const bool fits = bits == 8 ? scale == kScale8 : scale >= kScale16Low && scale <= kScale16High;
  return fits && output.zero_point() == -(1 << (bits - 1)) ? Error::kNone : Error::kOperandQuantisation;
}

// Input values to Q5, with beta. The reference caps the factor at 2^31; then only the largest value itself counts.
Error input_multiplier(float beta, float scale, Data* data) {
  if (!is_usable_scale(beta)) return Error::kOptions;
  constexpr float kUnit = 1.0f / (1 << (31 - kDifferenceIntegerBits));
  if (!to_multiplier(beta, scale, kUnit, &data->input)) data->input = {1 << 30, 30};
  if (data->input.shift < 1) return Error::kOperandQuantisation;  // the reference shifts to the left only
  constexpr int32_t kQ5Max = ((1 << kDifferenceIntegerBits) - 1) << (31 - kDifferenceIntegerBits);
  data->difference_min = -(kQ5Max >> data->input.shift);
  return Error::kNone;
}

Error prepare(Preparation& op) {
  Data data;
  data.output_bits = op.out.type() == TensorType::INT16 ? 16 : 8;
  if (data.output_bits == 8) ROOST_RETURN_IF_ERROR(expect_type(op.out, TensorType::INT8));
  if (op.in.rank() < 1) return Error::kOperandShape;
  data.depth = op.in.dim(op.in.rank() - 1);
  // Each exponential adds at most 1 to a sum that must stay below 2^12.
  if (data.depth >= 1 << kSumIntegerBits) return Error::kOverflow;
  ROOST_RETURN_IF_ERROR(expect_output(op.out, data.output_bits));
  const float beta = op.options<tflite::SoftmaxOptions>()->beta();
  ROOST_RETURN_IF_ERROR(input_multiplier(beta, op.in.scale(), &data));
  op.needs.steps = static_cast<uint64_t>(op.in.count()) * 32;  // two exponentials each
  return op.keep(data);
}

// exp of the difference in Q0, 0 below the least difference.
int32_t exponential(int32_t difference, const Data& data) {
  if (difference < data.difference_min) return 0;
  return exp_of_negative(rescale(difference, data.input), kDifferenceIntegerBits);
}

// One row of `depth` values; each result goes to write(index, fraction), the fraction in units of 2^-output_bits.
template <typename Write>
void softmax_row(const int8_t* in, const Data& data, Write write) {
  int32_t largest = INT8_MIN;
  for (int32_t i = 0; i < data.depth; ++i) {
    if (in[i] > largest) largest = in[i];
  }
  uint32_t sum = 0;
  for (int32_t i = 0; i < data.depth; ++i) {
    sum += static_cast<uint32_t>(rounding_shift_right(exponential(in[i] - largest, data), kSumIntegerBits));
  }
  // The sum is (1 + x) 2^bits_over_one; the largest value alone makes it 1 or more.
  const int32_t headroom = __builtin_clz(sum);
  const int32_t bits_over_one = kSumIntegerBits - headroom;
  const int32_t x = static_cast<int32_t>((sum << headroom) - (uint32_t{1} << 31));
  const int32_t reciprocal = one_over_one_plus(x);
  const int32_t shift = bits_over_one + 31 - data.output_bits;
  for (int32_t i = 0; i < data.depth; ++i) {
    const int32_t difference = in[i] - largest;
    const bool counts = difference >= data.difference_min && shift <= 31;
    write(i,
          counts ? rounding_shift_right(doubling_high_mul(reciprocal, exponential(difference, data)), shift) : 0);
  }
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const Tensor input = op.input(0);
  const Tensor output = op.output(0);
  const int8_t* in = input.data<int8_t>();
  int8_t* out8 = output.mutable_data<int8_t>();
  int16_t* out16 = output.mutable_data<int16_t>();
  const bool wide = data.output_bits == 16;
  const int32_t half = 1 << (data.output_bits - 1);
  const uint32_t rows = input.count() / static_cast<uint32_t>(data.depth);
  for (uint32_t row = 0; row < rows; ++row) {
    softmax_row(in, data, [&](int32_t i, int32_t fraction) {
      const int32_t value = clamp(fraction - half, -half, half - 1);
      if (wide) {
        out16[i] = static_cast<int16_t>(value);
      } else {
        out8[i] = static_cast<int8_t>(value);
      }
    });
    in += data.depth;
    out8 += data.depth;
    out16 += data.depth;
  }
  return Error::kNone;
}

}  // namespace

const Kernel kSoftmaxInt8 = {BuiltinOperator::SOFTMAX,
                             type_bit(TensorType::INT8),
                             3,
                             1,
                             1,
                             kOneOutput | kSameShape | kPerTensor | kOptions,
                             options_kind<tflite::SoftmaxOptions>(),
                             prepare,
                             invoke};

}  // namespace runtime
}  // namespace roost
