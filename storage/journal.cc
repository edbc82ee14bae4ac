#include "storage/journal.h"

#include "base/bytes.h"
#include "base/crc.h"
#include "storage/flash_io.h"

namespace roost {
namespace storage {

bool Journal::mount(const Layout& layout, State& out) {
  layout_ = layout;
  firm_ = false;
  uint32_t sequence = 0;
  const Scan scans[kJournalBlocks] = {scan(0, sequence, out), scan(1, sequence, out)};
  turn_ = sequence / layout_.records_per_block;
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
  for (uint32_t index = 0; index < layout_.records_per_block; ++index) {
    uint32_t sequence = 0;
    State state;
    if (read_record(block, index, sequence, state)) {
      scan.valid = true;
      if (sequence > newest_sequence) {
        newest_sequence = sequence;
        scan.marked = !reads_blank(flash_, mark_offset(block, index), layout_.unit_bytes);
        newest = state;
      }
    } else if (reads_blank(flash_, record_offset(block, index), layout_.place_bytes)) {
      continue;
    }
    scan.content = true;
    scan.next = index + 1;
  }
  return scan;
}

// A sequence says where its record stands, and is never 0: turns count from 1.
bool Journal::read_record(uint8_t block, uint32_t index, uint32_t& sequence, State& out) {
  const uint32_t body_size = state_bytes(layout_.slot_count);
  const MutableBytes record = scratch_.first(kRecordHeaderBytes + body_size + kRecordCrcBytes);
  if (!flash_.read(record_offset(block, index), record).ok()) return false;
  ByteReader r(record);
  if (r.u16() != kRecordMagic || r.u8() != kRecordVersion) return false;
  r.u8();  // event
  sequence = r.u32();
  const uint32_t turn = sequence / layout_.records_per_block;
  if (sequence % layout_.records_per_block != index || turn == 0 || turn % kJournalBlocks != block) {
    return false;
  }
  const bool same_layout = r.u8() == layout_.slot_count && r.u8() == 0 &&
                           r.u16() == static_cast<uint16_t>(layout_.slot_blocks) && r.u32() == layout_.chunk_bytes;
  const Bytes body = r.bytes(body_size);
  const uint32_t crc = r.u32();
  if (!same_layout || crc != crc32(0, Bytes(record.data(), kRecordHeaderBytes + body_size))) return false;
  return decode_state(body, layout_.slot_count, out);
}

Status Journal::append(const State& state, Event event) {
  constexpr int kTriesMax = 4;  // places that turn out to be spoiled: two here, then two in the other block
  Status status = Error::kProgramFailed;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (turn_now_ || next_ >= layout_.records_per_block) {
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
    const Status status = flash_.erase(layout_.journal_offset(static_cast<uint8_t>(1 - block)));
    if (!status.ok()) return status;
  }
  const Status status = flash_.erase(layout_.journal_offset(block));
  if (!status.ok()) return status;
  turn_ = turn;
  block_ = block;
  next_ = 0;
  turn_now_ = false;
  return Status();
}

Status Journal::write_record(const State& state, Event event) {
  const uint32_t body_size = state_bytes(layout_.slot_count);
  const MutableBytes units = scratch_.first(layout_.record_bytes);
  ByteWriter w(units);
  w.u16(kRecordMagic);
  w.u8(kRecordVersion);
  w.u8(static_cast<uint8_t>(event));
  w.u32(turn_ * layout_.records_per_block + next_);
  w.u8(layout_.slot_count);
  w.u8(0);
  w.u16(static_cast<uint16_t>(layout_.slot_blocks));
  w.u32(layout_.chunk_bytes);
  encode_state(state, layout_.slot_count, units.subspan(kRecordHeaderBytes, body_size));
  const uint32_t covered = kRecordHeaderBytes + body_size;
  store_le32(units.data() + covered, crc32(0, Bytes(units.data(), covered)));
  return program_checked(flash_, record_offset(block_, next_), units, covered + kRecordCrcBytes);
}

// Whether it succeeds does not matter: without it the next boot appends the record once more.
void Journal::write_mark() {
  const MutableBytes unit = scratch_.first(layout_.unit_bytes);
  for (uint8_t& byte : unit) byte = static_cast<uint8_t>(~flash_.geometry().erased_value);
  (void)flash_.program(mark_offset(block_, next_), unit);
}

}  // namespace storage
}  // namespace roost
