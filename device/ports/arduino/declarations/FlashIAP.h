// Of mbed's FlashIAP, the declarations that the library uses.
#pragma once

#include <stdint.h>

namespace mbed {
class FlashIAP {
 public:
  constexpr FlashIAP() {}
  int init();
  int read(void* buffer, uint32_t address, uint32_t size);
  int program(const void* buffer, uint32_t address, uint32_t size);
  int erase(uint32_t address, uint32_t size);
  uint32_t get_sector_size(uint32_t address) const;
};
}  // namespace mbed
