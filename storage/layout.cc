#include "storage/layout.h"

#include "storage/journal.h"
#include "storage/meta.h"

namespace roost {
namespace storage {
namespace {

bool is_power_of_two(uint32_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

}  // namespace

uint32_t Layout::blocks_taken(uint32_t payload_size) const {
  return meta_blocks + divide_up(payload_size, block_bytes);
}

uint32_t Layout::slot_offset(uint8_t slot) const {
  return (kJournalBlocks + slot * slot_blocks) * block_bytes;
}

uint32_t Layout::payload_offset(uint8_t slot) const {
  return slot_offset(slot) + meta_blocks * block_bytes;
}

uint32_t Layout::seal_offset(uint8_t slot) const {
  return slot_offset(slot) + round_up_to_unit(kMetaHeaderBytes + kManifestBytesMax);
}

Status Layout::set(const FlashGeometry& geometry, uint8_t slots, uint16_t chunk) {
  block_bytes = geometry.erase_block_bytes;
  chunk_bytes = chunk;
  unit_bytes = geometry.program_unit_bytes;
  erased_value = geometry.erased_value;
  slot_count = slots;
  // A block that is not empty, or all before would divide by it.
  const bool sane = slots >= 2 && slots <= kSlotCountMax && is_power_of_two(unit_bytes) &&
                    unit_bytes <= kUnitBytesMax && is_power_of_two(chunk) && chunk >= unit_bytes &&
                    block_bytes != 0 && block_bytes % chunk == 0 && geometry.size_bytes % block_bytes == 0;
  if (!sane) return Error::kBadGeometry;
  place_bytes = static_cast<uint16_t>(round_up_to_unit(kRecordBytes) + round_up_to_unit(kMarkBytes));
  const uint32_t blocks = geometry.size_bytes / block_bytes;
  if (records_per_block() < 4 || blocks < kJournalBlocks || blocks > UINT16_MAX) return Error::kBadGeometry;
  slot_blocks = static_cast<uint16_t>((blocks - kJournalBlocks) / slots);
  const uint32_t meta_bytes = seal_offset(0) + round_up_to_unit(kSealBytes) - slot_offset(0);
  meta_blocks = static_cast<uint16_t>(divide_up(meta_bytes, block_bytes));
  return meta_blocks < slot_blocks ? Error::kNone : Error::kBadGeometry;
}

}  // namespace storage
}  // namespace roost
