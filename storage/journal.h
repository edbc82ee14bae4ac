// The journal: two erase blocks taken in turn, filled with records of one whole State each.
//
// A record's sequence is fixed by where it stands (turn x records per block + index), so no two records that were
// ever written share one, and a torn record that reads valid only later still loses against every newer one.
// The block that holds the newest record is never erased. Borrows the volume for its life.
#pragma once

#include <stdint.h>

#include "storage/state.h"
#include "storage/volume.h"

namespace roost {
namespace storage {

// record | sequence u32 | state | CRC-32 of all before, continued from kRecordMagic ^ Layout::id() |
// mark   | four bytes, the inverse of the erased value, programmed once the record has read back well: whoever sees
//        | them knows that the record was finished. The first record of a block counts only with its mark.
//        | In a place that is left out it stands alone, so that the place does not look blank |
constexpr uint32_t kRecordBytes = 4 + kStateBytes + 4;
constexpr uint32_t kRecordMagic = 0x4A52;  // "RJ"

class Journal {
 public:
  // The volume's layout is set before the first call.
  explicit Journal(Volume& volume) : volume_(volume) {}

  // Reads both blocks: the newest valid state into `out`, and true; or false where there is none (first boot,
  // another layout, or the flash failed) and `out` is untouched. Writes nothing. Once, before anything is appended.
  bool mount(State& out);

  // Programs the state as the newest record and reads it back: a few programs, at most two erases (two only when
  // there was no journal). On an error nothing is recorded: what was newest is so still. Leaves the scratch alone.
  Status append(const State& state);

  // False where what mount read may be a torn record that reads valid only once, and after an append that failed,
  // which may read valid later: nothing irreversible may be built on it, and nothing told to anybody, before the state
  // is appended again. A mount knows the newest record for firm by its mark; but not the first of a block, where the
  // mark itself may be what is torn.
  bool firm() const { return firm_; }

  // Erases of each of the two blocks so far, at most.
  uint32_t wear() const { return next_ / volume_.layout.records_per_block() / kJournalBlocks + 1; }

 private:
  uint32_t offset_of(uint32_t sequence) const;
  uint32_t read_record(uint32_t offset);
  Status erase_block();
  Status write_record(const State& state);
  bool is_marked(uint32_t offset);
  Status program_mark(uint32_t offset, uint8_t* units);

  Volume& volume_;
  uint32_t newest_ = 0;    // the sequence of the newest valid record; 0: no journal yet
  uint32_t next_ = 0;      // of the next one; where it is the first of a block, that is erased before
  bool erased_ = false;    // and was
  bool left_out_ = false;  // the place before it is, and does not show it yet
  bool firm_ = true;
};

}  // namespace storage
}  // namespace roost
