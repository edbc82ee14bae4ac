#include "tests/target/firmware/marks.h"

// Each its own address: the linker must not find two of them alike.
__attribute__((noinline)) void roost_count_begin() {
  __asm__ volatile("" : : : "memory");
}
__attribute__((noinline)) void roost_count_end() {
  __asm__ volatile("nop" : : : "memory");
}
__attribute__((noinline)) void roost_count_end_receive() {
  __asm__ volatile("nop\n nop" : : : "memory");
}
__attribute__((noinline)) void roost_count_end_activate() {
  __asm__ volatile("nop\n nop\n nop" : : : "memory");
}
__attribute__((noinline)) void roost_count_end_infer() {
  __asm__ volatile("nop\n nop\n nop\n nop" : : : "memory");
}
