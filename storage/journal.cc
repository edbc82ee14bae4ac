#include "storage/journal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"

namespace roost {
namespace storage {
namespace {

constexpr uint32_t kCovered = kRecordBytes - 4;
constexpr uint32_t kSequenceMax = 0x7FFFFFFF;  // no block lasts so long, and nothing that follows wraps

// It names the layout that it is written under: another one makes it void.
uint32_t record_crc(const Layout& layout, Bytes bytes) {
  return crc32(kRecordMagic ^ layout.id(), bytes);
}

}  // namespace

// Each record is read once: one that is torn may read valid now and not the next moment.
bool Journal::mount(State& out) {
  const Layout& layout = volume_.layout;
  const uint32_t places = layout.records_per_block();
  const uint32_t place_bytes = layout.place_bytes;
  bool doubtful = false;
  for (uint32_t block = 0; block < kJournalBlocks; ++block) {
    uint32_t end = 0;  // behind the last place that is not blank
    bool valid = false;
    uint32_t offset = layout.journal_offset(block);
    for (uint32_t index = 1; index <= places; ++index, offset += place_bytes) {
      const uint32_t sequence = read_record(offset);
      if (sequence == 0 && volume_.reads_blank(offset, place_bytes)) continue;
      end = index;
      const bool marked = is_marked(offset);
      // One without its mark may have been torn, and have come back with an erase that was cut short: nothing could be
      // written behind it, unless one before it tells that the block was erased.
      const bool behind = valid;
      if (sequence == 0 || !(marked || behind)) continue;
      valid = true;
      if (sequence <= newest_) continue;
      newest_ = sequence;
      decode_state(volume_.scratch + 4, layout.slot_count, out);
      firm_ = marked && behind;
    }
    // A record torn at its very beginning looks blank, so the place behind the last visible one is left out.
    const uint32_t turn = newest_ / places;  // NOLINT(clang-analyzer-core.DivideZero): a layout has some
    if (turn % kJournalBlocks == block) next_ = turn * places + end + 1;
    doubtful = doubtful || (end != 0 && !valid);
  }
  // Content without any valid record may be a newer record, torn, that reads valid another time: erase it before
  // anything is written that it would override.
  const uint32_t following = (newest_ / places + 1) * places;
  if (newest_ == 0 || doubtful || next_ > following) next_ = following;
  left_out_ = true;
  return newest_ != 0;
}

uint32_t Journal::offset_of(uint32_t sequence) const {
  const Layout& layout = volume_.layout;
  const uint32_t places = layout.records_per_block();
  return layout.journal_offset(sequence / places % kJournalBlocks) + sequence % places * layout.place_bytes;
}

// Into the scratch. Its sequence, which says where it stands; or 0: turns count from 1, so no record has that.
ROOST_INLINE uint32_t Journal::read_record(uint32_t offset) {
  const MutableBytes record(volume_.scratch, kRecordBytes);
  if (!volume_.flash.read(offset, record).ok()) return 0;
  const uint32_t sequence = load_le32(record.data());
  const bool fits = sequence <= kSequenceMax && offset_of(sequence) == offset;
  return fits && record_crc(volume_.layout, record) == kCrc32Residue ? sequence : 0;
}

Status Journal::append(const State& state) {
  constexpr int kTriesMax = 4;  // places that turn out to be spoiled: two here, then two in the other block
  const uint32_t places = volume_.layout.records_per_block();
  Status status;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (tries == kTriesMax / 2) next_ = divide_up(next_, places) * places;
    if (next_ % places == 0 && !erased_) {
      status = erase_block();
      if (!status.ok()) return status;
      erased_ = true;
      left_out_ = false;
    }
    status = write_record(state);
    if (status.is(Error::kFlashBusy)) return status;  // nothing was done there
    erased_ = false;
    const uint32_t written = next_++;
    firm_ = status.ok();
    if (!firm_) continue;
    newest_ = written;
    return status;
  }
  return status;
}

// The block whose first record is due; never the one that holds the newest.
ROOST_INLINE Status Journal::erase_block() {
  const uint32_t places = volume_.layout.records_per_block();
  Status status;
  if (newest_ == 0) {
    status = volume_.flash.erase(offset_of(next_ + places));
  } else if ((next_ / places - newest_ / places) % kJournalBlocks == 0) {
    next_ += places;  // every place of the block in use was spoiled: the same one again
  }
  return status.ok() ? volume_.flash.erase(offset_of(next_)) : status;
}

ROOST_INLINE Status Journal::write_record(const State& state) {
  const Layout& layout = volume_.layout;
  uint8_t units[kUnitBytesMax];
  static_assert(sizeof units >= kRecordBytes, "a whole record");
  const uint32_t offset = offset_of(next_);
  Status status;
  if (left_out_) status = program_mark(offset - layout.place_bytes, units);
  if (!status.ok()) return status;
  left_out_ = false;
  store_le32(units, next_);
  encode_state(state, units + 4);
  store_le32(units + kCovered, record_crc(layout, Bytes(units, kCovered)));
  status = volume_.program(offset, units, kRecordBytes);
  if (!status.ok()) return status;
  // Without the mark the next boot appends the record once more, or finds none if it would be the first in its block.
  const uint32_t places = layout.records_per_block();
  const bool marked = program_mark(offset, units).ok();
  return marked || newest_ / places == next_ / places ? Error::kNone : Error::kProgramFailed;
}

// Of the place at this offset, all of it but a bit: one that is torn says now this and now that, and for the first record
// of a block the answer has to be the same each time.
ROOST_INLINE bool Journal::is_marked(uint32_t offset) {
  uint8_t mark[kMarkBytes];
  if (!volume_.flash.read(offset + volume_.layout.mark_offset(), mark).ok()) return false;
  const uint32_t missing = load_le32(mark) ^ ~(volume_.layout.erased_value * 0x01010101u);
  return (missing & (missing - 1)) == 0;
}

Status Journal::program_mark(uint32_t offset, uint8_t* units) {
  memset(units, static_cast<uint8_t>(~volume_.layout.erased_value), kMarkBytes);
  return volume_.program(offset + volume_.layout.mark_offset(), units, kMarkBytes);
}

}  // namespace storage
}  // namespace roost
