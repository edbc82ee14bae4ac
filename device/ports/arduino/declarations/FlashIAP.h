// Of mbed's FlashIAP, the declarations that the library uses. 0 is success.
#pragma once

#include <stdint.h>

namespace mbed {
class FlashIAP {
 public:
  constexpr FlashIAP() {}
  FlashIAP(const FlashIAP&) = delete;
  FlashIAP& operator=(const FlashIAP&) = delete;
  int init();
  int deinit();
  int read(void* buffer, uint32_t addr, uint32_t size);
  int program(const void* buffer, uint32_t addr, uint32_t size);
  int erase(uint32_t addr, uint32_t size);
  uint32_t get_sector_size(uint32_t addr) const;
};
}  // namespace mbed
