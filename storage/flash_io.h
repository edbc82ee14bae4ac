// What journal and meta both do with a Flash: program whole units and believe nothing that was not read back.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "storage/flash.h"

namespace roost {
namespace storage {

// True when flash reads just these bytes. False too when it cannot be read.
bool reads_equal(Flash& flash, uint32_t offset, Bytes bytes);

// True when all of it reads as erased, which proves nothing about what may be programmed there.
bool reads_blank(Flash& flash, uint32_t offset, uint32_t size);

// Fills `units` from `used` on with the erased value, programs it and reads it back. kProgramFailed, or what the
// flash said.
Status program_checked(Flash& flash, uint32_t offset, MutableBytes units, uint32_t used);

}  // namespace storage
}  // namespace roost
