// Where things stand in the region: computed from the geometry and the configuration, kept nowhere in flash.
// Drawings in LAYOUT.md.
#pragma once

#include <stdint.h>

#include "storage/error.h"
#include "storage/flash.h"
#include "storage/state.h"

namespace roost {
namespace storage {

constexpr uint32_t kManifestBytesMax = 1024;
constexpr uint32_t kSealCount = 2;
constexpr uint32_t kJournalBlocks = 2;

struct Layout {
  uint8_t slot_count;
  uint32_t block_bytes;
  uint32_t unit_bytes;
  uint32_t chunk_bytes;
  uint32_t chunks_per_block;
  uint32_t record_bytes;  // one journal record, whole units
  uint32_t place_bytes;   // a record and its mark
  uint32_t records_per_block;
  uint32_t cell_bytes;   // one cell, whole units
  uint32_t seal_bytes;   // one seal, whole units
  uint32_t slot_blocks;  // meta and payload
  uint32_t meta_blocks;
  uint32_t payload_blocks;  // one cell each

  uint32_t journal_offset(uint8_t block) const { return block * block_bytes; }
  uint32_t slot_offset(uint8_t slot) const { return (kJournalBlocks + slot * slot_blocks) * block_bytes; }
  uint32_t header_offset(uint8_t slot) const { return slot_offset(slot); }
  uint32_t cell_offset(uint8_t slot, uint32_t payload_block) const;
  uint32_t seal_offset(uint8_t slot, uint32_t index) const;
  uint32_t payload_offset(uint8_t slot) const { return slot_offset(slot) + meta_blocks * block_bytes; }
  uint32_t payload_bytes_max() const { return payload_blocks * block_bytes; }

  uint32_t round_up_to_unit(uint32_t size) const { return (size + unit_bytes - 1) & ~(unit_bytes - 1); }
};

// kBadGeometry where the region cannot hold two journal blocks and `slot_count` slots of one payload block each,
// or chunk_bytes is not a power of two that is whole units and divides the erase block.
Result<Layout> make_layout(const FlashGeometry& geometry, uint8_t slot_count, uint32_t chunk_bytes);

}  // namespace storage
}  // namespace roost
