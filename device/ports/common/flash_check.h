// Does a flash driver keep the contract of storage/flash.h? For the board itself: no test framework, no heap. A
// porter calls it once from main(), before anything else, on a region that may be overwritten.
//
//   static uint8_t scratch[256];
//   if (const char* wrong = roost::device::check_flash(flash, scratch)) print(wrong);
#pragma once

#include "storage/flash.h"

namespace roost {
namespace device {

// Null when all is well, otherwise a sentence about the first thing that is not. `scratch` is at least two program
// units and 64 bytes. Erases the first two blocks and the last one of the region about ten times in all.
const char* check_flash(storage::Flash& flash, MutableBytes scratch);

}  // namespace device
}  // namespace roost
