#include "storage/flash_io.h"

#include <string.h>

namespace roost {
namespace storage {
namespace {

constexpr uint32_t kPieceBytes = 32;  // read at a time, on the stack

uint32_t piece_size(size_t left) {
  return left < kPieceBytes ? static_cast<uint32_t>(left) : kPieceBytes;
}

}  // namespace

bool reads_equal(Flash& flash, uint32_t offset, Bytes bytes) {
  uint8_t piece[kPieceBytes];
  for (uint32_t at = 0; at < bytes.size(); at += kPieceBytes) {
    const uint32_t size = piece_size(bytes.size() - at);
    if (!flash.read(offset + at, MutableBytes(piece, size)).ok()) return false;
    if (memcmp(piece, bytes.data() + at, size) != 0) return false;
  }
  return true;
}

bool reads_blank(Flash& flash, uint32_t offset, uint32_t size) {
  const uint8_t erased = flash.geometry().erased_value;
  uint8_t piece[kPieceBytes];
  for (uint32_t at = 0; at < size; at += kPieceBytes) {
    const uint32_t count = piece_size(size - at);
    if (!flash.read(offset + at, MutableBytes(piece, count)).ok()) return false;
    for (uint32_t i = 0; i < count; ++i) {
      if (piece[i] != erased) return false;
    }
  }
  return true;
}

Status program_checked(Flash& flash, uint32_t offset, MutableBytes units, uint32_t used) {
  memset(units.data() + used, flash.geometry().erased_value, units.size() - used);
  const Status programmed = flash.program(offset, units);
  if (!programmed.ok()) return programmed;
  return reads_equal(flash, offset, units) ? Status() : Status(Error::kProgramFailed);
}

}  // namespace storage
}  // namespace roost
