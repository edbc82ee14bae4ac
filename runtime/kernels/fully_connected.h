// What the FULLY_CONNECTED kernels share: shapes. Input rows of `depth` values times weights of outputs x depth.
#pragma once

#include "runtime/kernels/common.h"

namespace roost {
namespace runtime {

struct FullyConnectedShape {
  int32_t rows;
  int32_t depth;
  int32_t outputs;
};

// Shapes, options and the bias. The input may have any rank; its values are read as rows of `depth`.
Error fully_connected_shape(const Preparation& op, FullyConnectedShape* shape, ActivationFunctionType* activation);

}  // namespace runtime
}  // namespace roost
