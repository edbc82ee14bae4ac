#include "device/ports/cortex_m/nrf_nvmc_flash.h"

namespace roost {
namespace device {

uint32_t NvmcRegisters::load(uintptr_t address) {
  return *reinterpret_cast<const volatile uint32_t*>(address);
}

void NvmcRegisters::store(uintptr_t address, uint32_t value) {
  *reinterpret_cast<volatile uint32_t*>(address) = value;
  // Flash and registers are on different buses: without it READY could be read, and the write enable taken back,
  // while the word is still on its way.
  __asm__ volatile("dmb" : : : "memory");
}

bool NvmcRegisters::in_interrupt() {
  uint32_t exception;
  __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
  return (exception & 0x1FF) != 0;
}

}  // namespace device
}  // namespace roost
