// MUL on integers of 8 and 16 bits.
#pragma once

#include "runtime/kernels/elementwise.h"

namespace roost {
namespace runtime {

struct MulData {
  int32_t a_offset;  // what is added to values: minus the zero point
  int32_t b_offset;
  Multiplier output;
  int32_t zero_point;
  Range range;
};

// What the kernel's row leaves open of types, shapes and quantisation. 16-bit tensors have no zero points, so that products fit.
Error prepare_mul(Preparation& op, MulData* data);

inline int32_t multiply(int32_t a, int32_t b, const MulData& data) {
  return to_output((a + data.a_offset) * (b + data.b_offset), data.output, data.zero_point, data.range);
}

}  // namespace runtime
}  // namespace roost
