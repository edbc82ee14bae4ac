// ADD on integers of 8 and 16 bits: both inputs are brought to a common scale with as many spare bits as fit,
// added, and brought to the output's scale.
#pragma once

#include "runtime/kernels/elementwise.h"

namespace roost {
namespace runtime {

struct AddData {
  int32_t left_shift;
  int32_t a_offset;  // what is added to values: minus the zero point
  int32_t b_offset;
  Multiplier a;
  Multiplier b;
  Multiplier output;
  int32_t zero_point;
  Range range;
};

// What the kernel's row leaves open of types, shapes and quantisation. left_shift: how many spare bits the type leaves.
Error prepare_add(Preparation& op, int32_t left_shift, AddData* data);

inline int32_t add(int32_t a, int32_t b, const AddData& data) {
  const int32_t scaled_a = rescale(wrapping_shift_left(a + data.a_offset, data.left_shift), data.a);
  const int32_t scaled_b = rescale(wrapping_shift_left(b + data.b_offset, data.left_shift), data.b);
  return to_output(wrapping_add(scaled_a, scaled_b), data.output, data.zero_point, data.range);
}

}  // namespace runtime
}  // namespace roost
