// The seam to the flash: everything storage/ wants of the world below it.
//
// A port implements Flash over the region it reserved (storage/region.h); offsets count from the region's first
// byte. `SimFlash` (device/ports/linux) is the strict simulated one, and tests/storage/flash_contract.h is what
// every implementation has to pass.
//
// Calls are synchronous: they return when the part is done, never call back, and come from one thread.
// Any call may fail. After a failed program the units named are spoiled until their block is erased; after a
// failed or unfinished erase the block's content is undefined until an erase of it succeeds.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "storage/error.h"

namespace roost {
namespace storage {

// What reading does (through read() or through mapped(), by inference or by another thread) while the part
// erases or programs.
enum class BusyReads : uint8_t {
  kStall,  // the bus waits: slow but right (nRF: also the processor's own fetches)
  kFail,   // wrong or failing: nothing may read until the operation is over
};

struct FlashGeometry {
  uint32_t size_bytes;          // the region: a whole number of erase blocks
  uint32_t erase_block_bytes;   // 1024, 4096, 131072 ...
  uint16_t program_unit_bytes;  // 4, 8, 32, 256: a power of two, at most 256; programs are aligned and whole units
  uint8_t erased_value;         // 0xFF or 0x00: what an erased byte reads; programming only leaves this value
  uint8_t programs_per_unit;    // between two erases of its block; 1 where ECC covers the unit
  BusyReads busy_reads;
  uint8_t erase_slices;     // erase_slice calls that make one erase; 1 where the part cannot slice
  uint32_t erase_block_us;  // nominal, for reports and for planning; not a promise
  uint32_t program_unit_us;
};

class Flash {
 public:
  virtual const FlashGeometry& geometry() const = 0;

  // The region's bytes, where models are run in place. Valid for the life of the Flash; what they read after an
  // erase or a program is what the part reads.
  virtual const uint8_t* mapped() const = 0;

  // Any offset and size inside the region. kReadFailed, kFlashBusy, kMisuse.
  virtual Status read(uint32_t offset, MutableBytes out) = 0;

  // Whole units: offset and size are multiples of the program unit; may cross units, not the region's end.
  // kProgramFailed, kFlashBusy (nothing was done), kMisuse (nothing was done).
  virtual Status program(uint32_t offset, Bytes bytes) = 0;

  // One whole block, given by the offset of its first byte. kEraseFailed, kFlashBusy, kMisuse.
  virtual Status erase(uint32_t block_offset) = 0;

  // One slice of an erase: true when the block is erased, false when more slices are needed. Content is undefined
  // in between. Slices of two blocks never interleave, but kEraseFailed ends the erase it came from; an erase or
  // program elsewhere in between is allowed.
  // A part without slices erases the block and returns true.
  virtual Result<bool> erase_slice(uint32_t block_offset) = 0;

 protected:
  ~Flash() = default;
};

}  // namespace storage
}  // namespace roost
