// The region as journal, meta and store all see it: read in pieces, in order and through Flash::read (mapped bytes
// would not tell what ECC cannot mend), programmed in whole units, and nothing believed that was not read back.
#pragma once

#include <stdint.h>

#include "base/digest.h"
#include "base/span.h"
#include "storage/flash.h"
#include "storage/layout.h"

namespace roost {
namespace storage {

// Borrows all but the layout.
struct Volume {
  Volume(Flash& flash_, Digest& digest_, MutableBytes scratch_)
      : flash(flash_), digest(digest_), scratch(scratch_.size() < kUnitBytesMax ? nullptr : scratch_.data()) {}

  // True when flash reads just these bytes. False too when it cannot be read.
  bool reads_equal(uint32_t offset, Bytes bytes) { return reads_as(offset, bytes.data(), bytes.size()); }

  // True when all of it reads as erased, which proves nothing about what may be programmed there.
  bool reads_blank(uint32_t offset, uint32_t size) { return reads_as(offset, nullptr, size); }

  // What flash reads, into the running CRC; or, without one, into the digest.
  Status take(uint32_t offset, uint32_t size, uint32_t* crc);

  // Fills `units` from `used` up to whole units with the erased value, programs them and reads them back.
  // kProgramFailed, or what the flash said.
  Status program(uint32_t offset, uint8_t* units, uint32_t used);

  Layout layout;
  Flash& flash;
  Digest& digest;
  uint8_t* scratch;  // kUnitBytesMax bytes; null: fewer were lent

 protected:
  // Without `expected`: as erased.
  bool reads_as(uint32_t offset, const uint8_t* expected, size_t size);
};

}  // namespace storage
}  // namespace roost
