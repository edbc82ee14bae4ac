#include "storage/layout.h"

#include "storage/journal.h"
#include "storage/meta.h"

namespace roost {
namespace storage {
namespace {

bool is_power_of_two(uint32_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

uint32_t meta_bytes(const Layout& layout, uint32_t payload_blocks) {
  return layout.round_up_to_unit(kMetaHeaderBytes + kManifestBytesMax) + kSealCount * layout.seal_bytes +
         payload_blocks * layout.cell_bytes;
}

}  // namespace

uint32_t Layout::seal_offset(uint8_t slot, uint32_t index) const {
  return slot_offset(slot) + round_up_to_unit(kMetaHeaderBytes + kManifestBytesMax) + index * seal_bytes;
}

uint32_t Layout::cell_offset(uint8_t slot, uint32_t payload_block) const {
  return seal_offset(slot, kSealCount) + payload_block * cell_bytes;
}

Result<Layout> make_layout(const FlashGeometry& geometry, uint8_t slot_count, uint32_t chunk_bytes) {
  Layout layout = {};
  layout.slot_count = slot_count;
  layout.block_bytes = geometry.erase_block_bytes;
  layout.unit_bytes = geometry.program_unit_bytes;
  layout.chunk_bytes = chunk_bytes;
  if (slot_count < 2 || slot_count > kSlotCountMax) return Error::kBadGeometry;
  if (!is_power_of_two(layout.unit_bytes) || layout.unit_bytes > 256) return Error::kBadGeometry;
  if (!is_power_of_two(chunk_bytes) || chunk_bytes % layout.unit_bytes != 0) return Error::kBadGeometry;
  if (layout.block_bytes == 0 || layout.block_bytes % chunk_bytes != 0) return Error::kBadGeometry;
  if (geometry.size_bytes % layout.block_bytes != 0) return Error::kBadGeometry;

  layout.chunks_per_block = layout.block_bytes / chunk_bytes;
  layout.record_bytes = layout.round_up_to_unit(kRecordHeaderBytes + state_bytes(slot_count) + kRecordCrcBytes);
  layout.place_bytes = layout.record_bytes + layout.unit_bytes;
  layout.records_per_block = layout.block_bytes / layout.place_bytes;
  layout.cell_bytes = layout.round_up_to_unit(kCellBytes);
  layout.seal_bytes = layout.round_up_to_unit(kSealBytes);
  const uint32_t blocks = geometry.size_bytes / layout.block_bytes;
  if (layout.records_per_block < 4 || blocks < kJournalBlocks) return Error::kBadGeometry;
  layout.slot_blocks = (blocks - kJournalBlocks) / slot_count;
  for (uint32_t meta = 1; meta < layout.slot_blocks; ++meta) {
    if (meta_bytes(layout, layout.slot_blocks - meta) > meta * layout.block_bytes) continue;
    layout.meta_blocks = meta;
    layout.payload_blocks = layout.slot_blocks - meta;
    return layout;
  }
  return Error::kBadGeometry;
}

}  // namespace storage
}  // namespace roost
