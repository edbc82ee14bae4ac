#include "storage/journal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/record.h"
#include "storage/flash_io.h"

namespace roost {
namespace storage {
namespace {

struct RecordHeader {
  uint16_t magic;
  uint8_t version;
  uint8_t event;
  uint32_t sequence;
  // The layout that it was written under: another one makes it void.
  uint8_t slot_count;
  uint8_t zero;
  uint16_t slot_blocks;
  uint32_t chunk_bytes;
};

const RecordField kHeaderFields[] = {ROOST_FIELD(RecordHeader, magic),
                                     ROOST_FIELD(RecordHeader, version),
                                     ROOST_FIELD(RecordHeader, event),
                                     ROOST_FIELD(RecordHeader, sequence),
                                     ROOST_FIELD(RecordHeader, slot_count),
                                     ROOST_FIELD(RecordHeader, zero),
                                     ROOST_FIELD(RecordHeader, slot_blocks),
                                     ROOST_FIELD(RecordHeader, chunk_bytes),
                                     kRecordEnd};

RecordHeader header_for(const Layout& layout, uint32_t sequence, uint8_t event) {
  return {kRecordMagic,
          kRecordVersion,
          event,
          sequence,
          layout.slot_count,
          0,
          static_cast<uint16_t>(layout.slot_blocks),
          layout.chunk_bytes};
}

}  // namespace

bool Journal::mount(const Layout& layout, State& out) {
  layout_ = &layout;
  firm_ = false;
  uint32_t sequence = 0;
  const Scan scans[kJournalBlocks] = {scan(0, sequence, out), scan(1, sequence, out)};
  turn_ = sequence / layout_->records_per_block;
  if (sequence == 0) {
    newest_ = kNoSlot;
    turn_now_ = true;
    return false;
  }
  block_ = turn_ % kJournalBlocks;
  newest_ = block_;
  firm_ = scans[block_].marked;
  // A record torn at its very beginning looks blank, so the place behind the last visible one is left alone.
  next_ = scans[block_].next + 1;
  // Content without any valid record may be a newer record, torn, that reads valid another time: erase it before
  // anything is written that it would override.
  const Scan& other = scans[1 - block_];
  turn_now_ = other.content && !other.valid;
  return true;
}

// Each record is read once: one that is torn may read valid now and not the next moment.
Journal::Scan Journal::scan(uint8_t block, uint32_t& newest_sequence, State& newest) {
  Scan scan;
  for (uint32_t index = 0; index < layout_->records_per_block; ++index) {
    uint32_t sequence = 0;
    State state;
    if (read_record(block, index, sequence, state)) {
      scan.valid = true;
      if (sequence > newest_sequence) {
        newest_sequence = sequence;
        scan.marked = !reads_blank(flash_, mark_offset(block, index), layout_->unit_bytes);
        newest = state;
      }
    } else if (reads_blank(flash_, record_offset(block, index), layout_->place_bytes)) {
      continue;
    }
    scan.content = true;
    scan.next = index + 1;
  }
  return scan;
}

// A sequence says where its record stands, and is never 0: turns count from 1.
bool Journal::read_record(uint8_t block, uint32_t index, uint32_t& sequence, State& out) {
  const uint32_t body_size = state_bytes(layout_->slot_count);
  const MutableBytes record = scratch_.first(kRecordHeaderBytes + body_size + kRecordCrcBytes);
  if (!flash_.read(record_offset(block, index), record).ok()) return false;
  RecordHeader header;
  load_record(kHeaderFields, record.data(), &header);
  const RecordHeader expected = header_for(*layout_, header.sequence, header.event);
  if (memcmp(&header, &expected, sizeof header) != 0) return false;
  sequence = header.sequence;
  const uint32_t turn = sequence / layout_->records_per_block;
  if (sequence % layout_->records_per_block != index || turn == 0 || turn % kJournalBlocks != block) {
    return false;
  }
  const uint32_t covered = kRecordHeaderBytes + body_size;
  if (load_le32(record.data() + covered) != crc32(0, record.first(covered))) return false;
  return decode_state(record.subspan(kRecordHeaderBytes, body_size), layout_->slot_count, out);
}

Status Journal::append(const State& state, Event event) {
  constexpr int kTriesMax = 4;  // places that turn out to be spoiled: two here, then two in the other block
  Status status = Error::kProgramFailed;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (turn_now_ || next_ >= layout_->records_per_block) {
      status = take_turn();
      if (!status.ok()) return status;
    }
    status = write_record(state, event);
    if (status.ok()) write_mark();
    ++next_;
    if (status.ok()) {
      newest_ = block_;
      firm_ = true;
      return status;
    }
    if (status.error() == Error::kNoPower) return status;
    if (status.error() == Error::kFlashBusy) {
      --next_;  // nothing was done there
      return status;
    }
    if (tries == kTriesMax / 2 - 1) turn_now_ = true;
  }
  return status;
}

// Erases the block that does not hold the newest record and goes on there.
Status Journal::take_turn() {
  uint32_t turn = turn_ + 1;
  if (turn % kJournalBlocks == newest_) ++turn;  // every place of the block in use was spoiled: the same one again
  const uint8_t block = turn % kJournalBlocks;
  if (newest_ == kNoSlot) {
    const Status status = flash_.erase(layout_->journal_offset(static_cast<uint8_t>(1 - block)));
    if (!status.ok()) return status;
  }
  const Status status = flash_.erase(layout_->journal_offset(block));
  if (!status.ok()) return status;
  turn_ = turn;
  block_ = block;
  next_ = 0;
  turn_now_ = false;
  return Status();
}

Status Journal::write_record(const State& state, Event event) {
  const uint32_t body_size = state_bytes(layout_->slot_count);
  const MutableBytes units = scratch_.first(layout_->record_bytes);
  const uint32_t sequence = turn_ * layout_->records_per_block + next_;
  const RecordHeader header = header_for(*layout_, sequence, static_cast<uint8_t>(event));
  store_record(kHeaderFields, &header, units.data());
  encode_state(state, layout_->slot_count, units.subspan(kRecordHeaderBytes, body_size));
  const uint32_t covered = kRecordHeaderBytes + body_size;
  store_le32(units.data() + covered, crc32(0, Bytes(units.data(), covered)));
  return program_checked(flash_, record_offset(block_, next_), units, covered + kRecordCrcBytes);
}

// Whether it succeeds does not matter: without it the next boot appends the record once more.
void Journal::write_mark() {
  const MutableBytes unit = scratch_.first(layout_->unit_bytes);
  for (uint8_t& byte : unit) byte = static_cast<uint8_t>(~flash_.geometry().erased_value);
  (void)flash_.program(mark_offset(block_, next_), unit);
}

}  // namespace storage
}  // namespace roost
