// The journal: two erase blocks taken in turn, filled with records of one whole State each.
//
// A record's sequence is fixed by where it stands (turn x records per block + index), so no two records that were
// ever written share one, and a torn record that reads valid only later still loses against every newer one.
// The block that holds the newest record is never erased. Borrows flash and scratch for its life.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "storage/flash.h"
#include "storage/layout.h"
#include "storage/state.h"

namespace roost {
namespace storage {

// record | magic u16 | version u8 | event u8 | sequence u32 | slots u8 | 0 u8 | slot blocks u16 | chunk u32 |
//        | state ... | CRC-32 of all before |
// mark   | one unit, programmed once the record has read back well: whoever sees anything there knows that the
//        | record was finished |
constexpr uint32_t kRecordHeaderBytes = 16;
constexpr uint32_t kRecordCrcBytes = 4;
constexpr uint16_t kRecordMagic = 0x4A52;  // "RJ"
constexpr uint8_t kRecordVersion = 1;

class Journal {
 public:
  // `scratch` holds at least one record (Layout::record_bytes).
  Journal(Flash& flash, MutableBytes scratch) : flash_(flash), scratch_(scratch) {}

  // Reads both blocks: the newest valid state into `out`, and true; or false where there is none (first boot,
  // another layout, or the flash failed) and `out` is untouched. Writes nothing. Borrows the layout.
  bool mount(const Layout& layout, State& out);

  // Programs the state as the newest record and reads it back: a few programs, at most two erases (two only when
  // there was no journal). On an error nothing is recorded: what was newest is so still.
  Status append(const State& state, Event event);

  // False where what mount read may be a torn record that reads valid only once: nothing irreversible may be built
  // on it, and nothing told to anybody, before it is appended again. True after every append, and after a mount
  // that found the newest record's mark.
  bool firm() const { return firm_; }
  bool exists() const { return newest_ != kNoSlot; }

  // Erases of each of the two blocks so far, at most.
  uint32_t wear() const { return turn_ / 2 + 1; }

 private:
  struct Scan {
    bool valid = false;    // there is a valid record
    bool content = false;  // anything at all is not blank
    uint32_t next = 0;     // behind the last place that is not blank
    bool marked = false;   // the newest valid record is
  };

  Scan scan(uint8_t block, uint32_t& newest_sequence, State& newest);
  bool read_record(uint8_t block, uint32_t index, uint32_t& sequence, State& out);
  uint32_t record_offset(uint8_t block, uint32_t index) const {
    return layout_->journal_offset(block) + index * layout_->place_bytes;
  }
  Status take_turn();
  Status write_record(const State& state, Event event);
  void write_mark();
  uint32_t mark_offset(uint8_t block, uint32_t index) const {
    return record_offset(block, index) + layout_->record_bytes;
  }

  uint8_t block_ = 0;         // in use
  uint8_t newest_ = kNoSlot;  // the block that holds the newest valid record
  bool turn_now_ = false;     // the block in use takes no more records
  bool firm_ = false;
  uint32_t turn_ = 0;  // of the block in use; 0: no journal yet
  uint32_t next_ = 0;  // index of the next record in it
  Flash& flash_;
  MutableBytes scratch_;
  const Layout* layout_ = nullptr;
};

}  // namespace storage
}  // namespace roost
