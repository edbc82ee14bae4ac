#include "device/ports/cortex_m/stack.h"

extern "C" {
extern volatile uint32_t roost_stack_bottom[];
extern volatile uint32_t roost_stack_top[];
}

namespace roost {
namespace device {
namespace {
constexpr uint32_t kPaint = 0xC0DEB1DE;
}

__attribute__((noinline)) void paint_stack() {
  volatile uint32_t* const here = static_cast<volatile uint32_t*>(__builtin_frame_address(0));
  for (volatile uint32_t* p = roost_stack_bottom; p < here - 16; ++p) *p = kPaint;
}

uint32_t deepest_stack() {
  const volatile uint32_t* p = roost_stack_bottom;
  while (p < roost_stack_top && *p == kPaint) ++p;
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(roost_stack_top) - reinterpret_cast<uintptr_t>(p));
}

}  // namespace device
}  // namespace roost
