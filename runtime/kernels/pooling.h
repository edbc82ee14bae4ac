// What AVERAGE_POOL_2D and MAX_POOL_2D share: a window over each channel by itself.
#pragma once

#include "runtime/kernels/common.h"
#include "runtime/kernels/window.h"

namespace roost {
namespace runtime {

// Shapes and options. Fills in `steps`.
Error pooling_shape(Preparation& op, WindowShape* shape, ActivationFunctionType* activation);

// The same for int8, with the quantisation, which may not change, and the activation's range.
Error pooling_int8(Preparation& op, WindowShape* shape, Range* range);

// Writes pool(in, rows, columns) for every output value in order: `in` is the value under the first tap; the next
// row is shape.x.input x shape.input_depth on, the next column shape.input_depth.
template <typename T, typename Pool>
void for_each_pool(const OperatorView& op, const WindowShape& shape, Pool pool) {
  const T* image = op.input_data<T>(0);
  T* out = op.output_data<T>(0);
  for (int32_t batch = 0; batch < shape.batches; ++batch) {
    for (int32_t y = 0; y < shape.y.output; ++y) {
      const Window::Taps rows = shape.y.taps(y);
      for (int32_t x = 0; x < shape.x.output; ++x) {
        const Window::Taps columns = shape.x.taps(x);
        const T* in = image + ((rows.origin + rows.first) * shape.x.input + columns.origin + columns.first) *
                                  shape.input_depth;
        for (int32_t channel = 0; channel < shape.input_depth; ++channel) {
          *out++ = pool(in + channel, rows.end - rows.first, columns.end - columns.first);
        }
      }
    }
    image += shape.y.input * shape.x.input * shape.input_depth;
  }
}

}  // namespace runtime
}  // namespace roost
