// What a fault comes to in firmware tests: a line that says where, and status 99.
#include "device/ports/cortex_m/semihosting.h"

extern "C" {

void roost_fault();
void report_fault(const uint32_t* frame);

// The processor has stacked r0-r3, r12, lr, pc and status.
__attribute__((used)) void report_fault(const uint32_t* frame) {
  using namespace roost::device::semihosting;
  constexpr uint32_t kCfsr = 0xE000ED28;  // reads 0 on ARMv6-M
  print("FAULT at ");
  print_hex(frame[6]);
  print(" called from ");
  print_hex(frame[5]);
  print(", status register ");
  print_hex(*reinterpret_cast<volatile uint32_t*>(kCfsr));
  print("\n");
  exit(99);
}

__attribute__((naked)) void roost_fault() {
  __asm__ volatile("mov r0, sp\n b report_fault");
}

}  // extern "C"
