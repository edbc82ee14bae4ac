// What the MEAN kernels share: which axes are reduced, and summing over them.
#pragma once

#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {

struct MeanShape {
  uint32_t reduced_axes;  // bit k: axis k is averaged over
  uint32_t count;         // how many values each mean is of
};

// The constant axes (negative ones count from the end, repeated ones count once) and the output's
// shape, with or without the reduced axes. Fills in `steps`.
Error mean_shape(Preparation& op, MeanShape* shape);

// Which output each input value belongs to, along the input in order, as runs of the innermost axis.
class ReductionRuns {
 public:
  ReductionRuns(const Tensor& input, uint32_t reduced_axes);

  // Goes to the next run, false after the last; start with the first.
  bool next();

  uint32_t output_index = 0;  // of the run's first value
  uint32_t output_step = 0;   // 1 or, where the innermost axis is reduced, 0
  uint32_t length = 1;

 private:
  uint32_t sizes_[kRankMax];
  uint32_t strides_[kRankMax];
  uint32_t positions_[kRankMax];
  uint32_t rank_;
};

// sums[i] = the sum of the input values that belong to output i, added in the input's order.
template <typename T, typename Sum>
void sum_over_axes(const Tensor& input, uint32_t reduced_axes, Sum* sums, uint32_t sum_count) {
  for (uint32_t i = 0; i < sum_count; ++i) sums[i] = 0;
  const T* value = input.data<T>();
  ReductionRuns run(input, reduced_axes);
  do {
    Sum* sum = sums + run.output_index;
    for (uint32_t i = 0; i < run.length; ++i) {
      *sum += *value++;
      sum += run.output_step;
    }
  } while (run.next());
}

}  // namespace runtime
}  // namespace roost
