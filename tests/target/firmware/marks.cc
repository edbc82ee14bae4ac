#include "tests/target/firmware/marks.h"

__attribute__((noinline)) void roost_count_begin() { __asm__ volatile("" : : : "memory"); }
__attribute__((noinline)) void roost_count_end() { __asm__ volatile("nop" : : : "memory"); }
