#include "device/ports/linux/clock.h"

#include <time.h>

namespace roost::device {

uint64_t now_us() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

uint32_t now_ms() {
  return static_cast<uint32_t>(now_us() / 1000);
}

}  // namespace roost::device
