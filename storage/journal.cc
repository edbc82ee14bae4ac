#include "storage/journal.h"

#include "base/bytes.h"
#include "base/crc.h"
#include "storage/flash_io.h"

namespace roost {
namespace storage {

bool Journal::mount(const Layout& layout, State& out) {
  layout_ = layout;
  firm_ = false;
  const Scan scans[kJournalBlocks] = {scan(0), scan(1)};
  if (!scans[0].valid && !scans[1].valid) {
    turn_ = 0;
    block_ = 0;
    newest_ = kNoSlot;
    turn_now_ = true;
    return false;
  }
  const bool second = scans[1].valid && (!scans[0].valid || scans[1].turn > scans[0].turn);
  block_ = second ? 1 : 0;
  newest_ = block_;
  const Scan& used = scans[block_];
  const Scan& other = scans[1 - block_];
  turn_ = used.turn;
  // A record torn at its very beginning looks blank, so the place behind the last visible one is left alone.
  next_ = used.next + 1;
  // Content without any valid record may be a newer record, torn, that reads valid another time: erase it before
  // anything is written that it would override.
  turn_now_ = other.content && !other.valid;
  uint32_t turn = 0;
  return read_record(block_, used.newest, turn, &out);
}

Journal::Scan Journal::scan(uint8_t block) {
  Scan scan;
  for (uint32_t index = 0; index < layout_.records_per_block; ++index) {
    uint32_t turn = 0;
    if (read_record(block, index, turn, nullptr)) {
      scan.valid = true;
      scan.turn = turn;
      scan.newest = index;
    } else if (reads_blank(flash_, record_offset(block, index), layout_.record_bytes)) {
      continue;
    }
    scan.content = true;
    scan.next = index + 1;
  }
  return scan;
}

bool Journal::read_record(uint8_t block, uint32_t index, uint32_t& turn, State* out) {
  const uint32_t body_size = state_bytes(layout_.slot_count);
  const MutableBytes record = scratch_.first(kRecordHeaderBytes + body_size + kRecordCrcBytes);
  if (!flash_.read(record_offset(block, index), record).ok()) return false;
  ByteReader r(record);
  if (r.u16() != kRecordMagic || r.u8() != kRecordVersion) return false;
  r.u8();  // event
  const uint32_t sequence = r.u32();
  if (sequence % layout_.records_per_block != index) return false;
  turn = sequence / layout_.records_per_block;
  if (turn == 0 || turn % kJournalBlocks != block) return false;
  const bool same_layout = r.u8() == layout_.slot_count && r.u8() == 0 &&
                           r.u16() == static_cast<uint16_t>(layout_.slot_blocks) && r.u32() == layout_.chunk_bytes;
  const Bytes body = r.bytes(body_size);
  const uint32_t crc = r.u32();
  if (!same_layout || crc != crc32(0, Bytes(record.data(), kRecordHeaderBytes + body_size))) return false;
  State state;
  return decode_state(body, layout_.slot_count, out ? *out : state);
}

Status Journal::append(const State& state, Event event) {
  constexpr int kTriesMax = 4;  // places that turn out to be spoiled
  Status status = Error::kProgramFailed;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (turn_now_ || next_ >= layout_.records_per_block) {
      status = take_turn();
      if (!status.ok()) return status;
    }
    status = write_record(state, event);
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

}  // namespace storage
}  // namespace roost
