// Kernels for testing what surrounds kernels: each does one simple thing that a test can foretell.
#pragma once

#include "runtime/kernel.h"

namespace roost::runtime::testing {

// NEG on int8, versions 1 and 2: out = -in. Keeps 4 bytes of data, counts one step per element.
extern const Kernel kNegate;
// CUMSUM on int8: operands input and variable; variable += in; out = variable.
extern const Kernel kAccumulate;
// ABS on int8: out = |in|, by way of as much scratch as there are elements.
extern const Kernel kAbsolute;
// SQRT on int8: prepares well, fails when run on a negative first element.
extern const Kernel kFailing;

// All of them.
KernelList fake_kernels();

}  // namespace roost::runtime::testing
