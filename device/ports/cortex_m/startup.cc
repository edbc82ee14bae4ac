// From reset to main() on any Cortex-M: vector table, .data, .bss, constructors, and where the processor has them
// the floating-point unit and the traps for unaligned access and division by zero.
//
// Firmware with a start-up of its own leaves this file out. From the linker script it needs the symbols declared
// below (boards/sections.ld). Interrupts beyond the system's fifteen are the application's: it then places its own
// table in `.vectors`, with roost_reset as word 1.
#include <stddef.h>
#include <stdint.h>

extern "C" {

extern uint32_t roost_data_load[];
extern uint32_t roost_data_begin[];
extern uint32_t roost_data_end[];
extern uint32_t roost_bss_begin[];
extern uint32_t roost_bss_end[];
extern uint32_t roost_stack_top[];
extern void (*const roost_init_begin[])();
extern void (*const roost_init_end[])();

int main();

// What every exception, and a return from main, comes to. Weak: a product resets, a test reports.
void roost_fault();
__attribute__((weak)) void roost_fault() {
  for (;;) {
  }
}

void roost_reset();

// ---- the little of a C++ runtime that compilers call behind one's back ----

// A pure virtual function was called: an object is used before its constructor or after its destructor.
void __cxa_pure_virtual();
void __cxa_pure_virtual() {
  roost_fault();
}

}  // extern "C"

namespace {

#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)
volatile uint32_t& system_register(uint32_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}

void enable_unit_and_traps() {
  constexpr uint32_t kCcr = 0xE000ED14;
  constexpr uint32_t kUnalignTrap = 1u << 3;
  constexpr uint32_t kDivideByZeroTrap = 1u << 4;
  system_register(kCcr) = system_register(kCcr) | kUnalignTrap | kDivideByZeroTrap;
#if defined(__ARM_FP)
  constexpr uint32_t kCpacr = 0xE000ED88;
  constexpr uint32_t kFullAccess = 0xFu << 20;
  system_register(kCpacr) = system_register(kCpacr) | kFullAccess;
  __asm__ volatile("dsb\n isb" : : : "memory");
#endif
}
#else
void enable_unit_and_traps() {}  // ARMv6-M traps unaligned access anyway, and has neither divider nor unit
#endif

using Handler = void (*)();

union Vector {
  const uint32_t* stack_top;
  Handler handler;
  uint32_t reserved;
};

}  // namespace

extern "C" {

extern const Vector roost_vectors[16];
__attribute__((section(".vectors"), used)) const Vector roost_vectors[16] = {
    {roost_stack_top},         // initial stack pointer
    {.handler = roost_reset},  //
    {.handler = roost_fault},  // NMI
    {.handler = roost_fault},  // hard fault
    {.handler = roost_fault},  // memory management
    {.handler = roost_fault},  // bus fault
    {.handler = roost_fault},  // usage fault
    {.reserved = 0},           //
    {.reserved = 0},           //
    {.reserved = 0},           //
    {.reserved = 0},           //
    {.handler = roost_fault},  // SVC
    {.handler = roost_fault},  // debug monitor
    {.reserved = 0},           //
    {.handler = roost_fault},  // PendSV
    {.handler = roost_fault},  // SysTick
};

// The loops are volatile so that the compiler does not turn them into calls of memcpy and memset, which may use
// what is only set up here.
__attribute__((noreturn, used)) void roost_reset() {
  enable_unit_and_traps();
  const volatile uint32_t* from = roost_data_load;
  for (volatile uint32_t* to = roost_data_begin; to != roost_data_end; ++to) *to = *from++;
  for (volatile uint32_t* to = roost_bss_begin; to != roost_bss_end; ++to) *to = 0;
  for (Handler const* init = roost_init_begin; init != roost_init_end; ++init) (*init)();
  main();
  for (;;) roost_fault();
}

}  // extern "C"
