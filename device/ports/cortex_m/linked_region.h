// The region that the linker script reserved (boards/sections.ld), as the flash driver wants it.
#pragma once

#include "storage/region.h"

extern "C" {
extern const uint8_t roost_region_begin[];
extern const uint8_t roost_region_end[];
}

namespace roost {
namespace device {

inline storage::Region linked_region() {
  return storage::Region{roost_region_begin, static_cast<uint32_t>(roost_region_end - roost_region_begin)};
}

}  // namespace device
}  // namespace roost
