#include "storage/volume.h"

#include <string.h>

#include "base/crc.h"

namespace roost {
namespace storage {
namespace {

constexpr uint32_t kPieceBytes = 64;  // read at a time, on the stack: a block of SHA-256

uint32_t piece_size(size_t left) {
  return left < kPieceBytes ? static_cast<uint32_t>(left) : kPieceBytes;
}

}  // namespace

bool Volume::reads_as(uint32_t offset, const uint8_t* expected, size_t size) {
  uint8_t piece[kPieceBytes];
  for (uint32_t count; size != 0; size -= count, offset += count) {
    count = piece_size(size);
    if (!flash.read(offset, MutableBytes(piece, count)).ok()) return false;
    for (uint32_t i = 0; i < count; ++i) {
      if (piece[i] != (expected == nullptr ? layout.erased_value : *expected++)) return false;
    }
  }
  return true;
}

Status Volume::take(uint32_t offset, uint32_t size, uint32_t* crc) {
  uint8_t piece[kPieceBytes];
  for (uint32_t count; size != 0; size -= count, offset += count) {
    count = piece_size(size);
    const MutableBytes bytes(piece, count);
    const Status status = flash.read(offset, bytes);
    if (!status.ok()) return status;
    if (crc != nullptr) {
      *crc = crc32(*crc, bytes);
    } else {
      digest.update(bytes);
    }
  }
  return Status();
}

Status Volume::program(uint32_t offset, uint8_t* units, uint32_t used) {
  const uint32_t size = layout.round_up_to_unit(used);
  memset(units + used, layout.erased_value, size - used);
  const Bytes bytes(units, size);
  const Status status = flash.program(offset, bytes);
  if (!status.ok() || reads_equal(offset, bytes)) return status;
  return Error::kProgramFailed;
}

}  // namespace storage
}  // namespace roost
