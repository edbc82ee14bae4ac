// Two inputs, broadcast against each other, one value of each to one of the output.
#pragma once

#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {

// Two inputs of one type, and an output of the shape that broadcasting gives. Fills in `steps`.
Error expect_broadcast(Preparation& op);

// The output's values in order, as runs along which each input either advances by 1 or stays.
class BroadcastRuns {
 public:
  explicit BroadcastRuns(const OperatorView& op);

  // The next run, false after the last.
  bool next();

  // Where it starts in each input, how far each goes on per value, and how many values it has.
  uint32_t a_index = 0;
  uint32_t b_index = 0;
  uint32_t a_step = 0;
  uint32_t b_step = 0;
  uint32_t length = 0;

 private:
  struct Axis {
    uint32_t size;
    uint32_t position;
    uint32_t a_stride;  // 0 where the input is broadcast
    uint32_t b_stride;
  };

  Axis axes_[kRankMax];
  uint32_t rank_ = 0;  // axes outside the run, innermost first
  bool started_ = false;
};

// out = combine(a, b) for every value.
template <typename T, typename Combine>
void for_each_pair(const OperatorView& op, Combine combine) {
  const T* a = op.input_data<T>(0);
  const T* b = op.input_data<T>(1);
  T* out = op.output_data<T>(0);
  for (BroadcastRuns run(op); run.next();) {
    const T* a_value = a + run.a_index;
    const T* b_value = b + run.b_index;
    for (uint32_t left = run.length; left > 0; --left) {
      *out++ = combine(*a_value, *b_value);
      a_value += run.a_step;
      b_value += run.b_step;
    }
  }
}

}  // namespace runtime
}  // namespace roost
