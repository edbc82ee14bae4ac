// What a fault comes to in firmware tests: a line, and status 99.
#include "device/ports/cortex_m/semihosting.h"

extern "C" void roost_fault();
extern "C" void roost_fault() {
  constexpr uint32_t kCfsr = 0xE000ED28;  // reads 0 on ARMv6-M
  roost::device::semihosting::print("FAULT, status register ");
  roost::device::semihosting::print_hex(*reinterpret_cast<volatile uint32_t*>(kCfsr));
  roost::device::semihosting::print("\n");
  roost::device::semihosting::exit(99);
}
