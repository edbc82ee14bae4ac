// The assertions of firmware tests: the first that fails says where, and ends the emulation with status 1.
#pragma once

#include "device/ports/cortex_m/semihosting.h"

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : roost::target_test::fail(__FILE__, __LINE__, #condition))

namespace roost {
namespace target_test {

[[noreturn]] inline void fail(const char* file, uint32_t line, const char* condition) {
  device::semihosting::print("FAILED ");
  device::semihosting::print(file);
  device::semihosting::print(":");
  device::semihosting::print_number(line);
  device::semihosting::print(": ");
  device::semihosting::print(condition);
  device::semihosting::print("\n");
  device::semihosting::exit(1);
}

}  // namespace target_test
}  // namespace roost
