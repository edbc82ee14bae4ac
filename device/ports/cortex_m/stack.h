// How deep the stack ever got: paint what is free, run, and look how much paint is gone.
//
//   paint_stack();          // first thing in main
//   ...
//   uint32_t bytes = deepest_stack();
#pragma once

#include <stdint.h>

namespace roost {
namespace device {

// Paints from the linker script's roost_stack_bottom up to the caller's frame.
void paint_stack();

// Bytes between the top of the stack and the deepest one written since, painted ones that were written with the
// paint's own value not counted.
uint32_t deepest_stack();

}  // namespace device
}  // namespace roost
