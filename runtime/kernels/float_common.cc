#include "runtime/kernels/float_common.h"

#include <float.h>

namespace roost {
namespace runtime {

Error activation_range(ActivationFunctionType activation, FloatRange* range) {
  switch (activation) {
    case ActivationFunctionType::NONE:
      *range = {-FLT_MAX, FLT_MAX};
      return Error::kNone;
    case ActivationFunctionType::RELU:
      *range = {0, FLT_MAX};
      return Error::kNone;
    case ActivationFunctionType::RELU6:
      *range = {0, 6};
      return Error::kNone;
    case ActivationFunctionType::RELU_N1_TO_1:
      *range = {-1, 1};
      return Error::kNone;
    default:
      return Error::kOptions;
  }
}

}  // namespace runtime
}  // namespace roost
