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
constexpr uint32_t kJournalBlocks = 2;
constexpr uint32_t kUnitBytesMax = 256;
constexpr uint32_t kMarkBytes = 4;  // of a journal record

constexpr uint32_t divide_up(uint32_t size, uint32_t unit) {
  return (size + unit - 1) / unit;
}

struct Layout {
  uint32_t block_bytes;
  uint16_t chunk_bytes;
  uint16_t slot_blocks;  // meta and payload
  uint16_t meta_blocks;
  uint16_t unit_bytes;
  uint16_t place_bytes;  // of a journal record and its mark, whole units each
  uint8_t erased_value;
  uint8_t slot_count;

  // kBadGeometry where the region cannot hold two journal blocks and `slots` slots of one payload block each, has
  // 65536 blocks or more, or `chunk` is not a power of two that is whole units and divides the erase block.
  Status set(const FlashGeometry& geometry, uint8_t slots, uint16_t chunk);

  // Another one for another layout (chunks are of four bytes at least).
  uint32_t id() const { return static_cast<uint32_t>(slot_blocks) << 16 | chunk_bytes | slot_count; }

  uint32_t round_up_to_unit(uint32_t size) const { return (size + unit_bytes - 1) & ~(unit_bytes - 1u); }

  uint32_t records_per_block() const { return block_bytes / place_bytes; }
  uint32_t chunks_per_block() const { return block_bytes / chunk_bytes; }
  uint32_t payload_blocks() const { return slot_blocks - meta_blocks; }
  uint32_t blocks_taken(uint32_t payload_size) const;  // of a slot, meta included
  uint32_t payload_bytes_max() const { return payload_blocks() * block_bytes; }

  uint32_t mark_offset() const { return place_bytes - round_up_to_unit(kMarkBytes); }  // in its place
  uint32_t journal_offset(uint32_t block) const { return block * block_bytes; }
  uint32_t slot_offset(uint8_t slot) const;
  uint32_t header_offset(uint8_t slot) const { return slot_offset(slot); }
  uint32_t seal_offset(uint8_t slot) const;
  uint32_t payload_offset(uint8_t slot) const;
};

}  // namespace storage
}  // namespace roost
