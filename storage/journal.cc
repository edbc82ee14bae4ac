#include "storage/journal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"

namespace roost {
namespace storage {
namespace {

// It names the layout that it is written under: another one makes it void.
void encode_header(const Layout& layout, uint32_t sequence, uint8_t event, uint8_t* out) {
  const uint32_t words[] = {kRecordMagic | kRecordVersion << 16 | static_cast<uint32_t>(event) << 24, sequence,
                            layout.slot_count | static_cast<uint32_t>(layout.slot_blocks) << 16,
                            layout.chunk_bytes};
  static_assert(sizeof words == kRecordHeaderBytes, "all of it");
  for (uint32_t word : words) {
    store_le32(out, word);
    out += sizeof word;
  }
}

}  // namespace

// Each record is read once: one that is torn may read valid now and not the next moment.
bool Journal::mount(State& out) {
  const Layout& layout = volume_.layout;
  const uint32_t place_bytes = layout.place_bytes();
  const uint32_t places = layout.records_per_block();
  uint32_t newest = 0;    // its sequence
  uint32_t doubtful = 0;  // a bit for each block
  for (uint32_t block = 0; block < kJournalBlocks; ++block) {
    uint32_t offset = layout.journal_offset(block);
    uint32_t end = 0;  // behind the last place that is not blank
    bool valid = false;
    for (uint32_t index = 0; index < places; ++index, offset += place_bytes) {
      const uint32_t sequence = read_record(offset);
      // A sequence says where its record stands.
      const bool fits = sequence % (places * kJournalBlocks) == block * places + index && sequence >= places;
      if (!fits && volume_.reads_blank(offset, place_bytes)) continue;
      end = index + 1;
      valid = valid || fits;
      if (!fits || sequence <= newest) continue;
      newest = sequence;
      newest_ = static_cast<uint8_t>(block);
      decode_state(volume_.scratch + kRecordHeaderBytes, layout.slot_count, out);
      firm_ = !volume_.reads_blank(offset + layout.record_bytes(), layout.unit_bytes);
    }
    // A record torn at its very beginning looks blank, so the place behind the last visible one is left alone.
    if (newest_ == block) next_ = end + 1;
    if (end != 0 && !valid) doubtful |= 1u << block;
  }
  if (newest == 0) return false;
  turn_ = newest / places;
  // Content without any valid record may be a newer record, torn, that reads valid another time: erase it before
  // anything is written that it would override.
  if (doubtful != 0) next_ = kFull;
  return true;
}

// Into the scratch. Its sequence, or 0: turns count from 1, so no record has that.
ROOST_INLINE uint32_t Journal::read_record(uint32_t offset) {
  const Layout& layout = volume_.layout;
  const uint32_t covered = kRecordHeaderBytes + state_bytes(layout.slot_count);
  uint8_t* bytes = volume_.scratch;
  if (!volume_.flash.read(offset, MutableBytes(bytes, covered + kRecordCrcBytes)).ok()) return 0;
  const uint32_t sequence = load_le32(bytes + 4);
  uint8_t header[kRecordHeaderBytes];
  encode_header(layout, sequence, bytes[3], header);
  if (memcmp(bytes, header, sizeof header) != 0) return 0;
  if (load_le32(bytes + covered) != crc32(0, Bytes(bytes, covered))) return 0;
  return sequence;
}

Status Journal::append(const State& state, Event event) {
  constexpr int kTriesMax = 4;  // places that turn out to be spoiled: two here, then two in the other block
  Status status;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (tries == kTriesMax / 2) next_ = kFull;
    if (next_ >= volume_.layout.records_per_block()) {
      status = take_turn();
      if (!status.ok()) return status;
    }
    status = write_record(state, event);
    if (status.error() == Error::kFlashBusy) return status;  // nothing was done there
    ++next_;
    if (!status.ok()) continue;
    newest_ = turn_ % kJournalBlocks;
    firm_ = true;
    return status;
  }
  return status;
}

// Erases the block that does not hold the newest record and goes on there.
ROOST_INLINE Status Journal::take_turn() {
  uint32_t turn = turn_ + 1;
  if (turn % kJournalBlocks == newest_) ++turn;  // every place of the block in use was spoiled: the same one again
  const uint32_t block = turn % kJournalBlocks;
  Status status;
  if (newest_ == kNoSlot) status = volume_.flash.erase(volume_.layout.journal_offset(1 - block));
  if (status.ok()) status = volume_.flash.erase(volume_.layout.journal_offset(block));
  if (!status.ok()) return status;
  turn_ = turn;
  next_ = 0;
  return status;
}

ROOST_INLINE Status Journal::write_record(const State& state, Event event) {
  const Layout& layout = volume_.layout;
  const uint32_t covered = kRecordHeaderBytes + state_bytes(layout.slot_count);
  uint8_t units[kUnitBytesMax];
  static_assert(sizeof units >= kRecordHeaderBytes + state_bytes(kSlotCountMax) + kRecordCrcBytes,
                "a whole record");
  const uint32_t sequence = turn_ * layout.records_per_block() + next_;
  encode_header(layout, sequence, static_cast<uint8_t>(event), units);
  encode_state(state, layout.slot_count, units + kRecordHeaderBytes);
  store_le32(units + covered, crc32(0, Bytes(units, covered)));
  const uint32_t offset = layout.journal_offset(turn_ % kJournalBlocks) + next_ * layout.place_bytes();
  const Status status = volume_.program(offset, units, covered + kRecordCrcBytes);
  if (!status.ok()) return status;
  // The mark. Whether it succeeds does not matter: without it the next boot appends the record once more.
  memset(units, static_cast<uint8_t>(~layout.erased_value), layout.unit_bytes);
  (void)volume_.flash.program(offset + layout.record_bytes(), Bytes(units, layout.unit_bytes));
  return status;
}

}  // namespace storage
}  // namespace roost
