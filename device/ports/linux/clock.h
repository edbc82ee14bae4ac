// The Linux port's clock.
#pragma once

#include <cstdint>

namespace roost::device {

// CLOCK_MONOTONIC, wrapping.
uint32_t now_ms();
uint64_t now_us();

}  // namespace roost::device
