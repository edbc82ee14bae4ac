// The journal: two erase blocks taken in turn, filled with records of one whole State each.
//
// A record's sequence is fixed by where it stands (turn x records per block + index), so no two records that were
// ever written share one, and a torn record that reads valid later still loses against every newer one.
// The block that holds the newest record is never erased. Borrows flash, layout and scratch for its life.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "storage/flash.h"
#include "storage/layout.h"
#include "storage/state.h"

namespace roost {
namespace storage {

class Journal {
 public:
  // `scratch` holds at least one record (Layout::record_bytes).
  Journal(Flash& flash, MutableBytes scratch) : flash_(flash), scratch_(scratch) {}

  // Reads both blocks: the newest valid state into `out`, true; or false where there is none (first boot, another
  // layout, or the flash failed), and `out` is untouched. Writes nothing.
  Result<bool> mount(const Layout& layout, State& out);

  // Programs the state as the newest record and reads it back. At most one erase and a few programs.
  // On an error nothing is recorded: what was newest is so still.
  Status append(const State& state, Event event);

  // False between mount and the first append: what mount read may be a torn record that reads valid only once,
  // so nothing irreversible may be built on it before it is appended again.
  bool firm() const { return firm_; }

  // Erases of each of the two blocks so far, at most.
  uint32_t wear() const { return turn_ / 2 + 1; }

 private:
  bool read_record(uint8_t block, uint32_t index, State* out);
  bool record_is_blank(uint8_t block, uint32_t index);
  uint32_t scan_block(uint8_t block, State* newest, bool& any_valid, bool& any_content);
  Status take_turn();
  Status append_here(const State& state, Event event);

  Flash& flash_;
  MutableBytes scratch_;
  Layout layout_ = {};
  uint32_t turn_ = 0;         // of the block in use; 0: none yet
  uint32_t index_ = 0;        // where the next record goes
  uint8_t block_ = 0;         // in use: where the next record goes
  uint8_t newest_ = kNoSlot;  // the block that holds the newest valid record
  bool other_suspect_ = false;
  bool firm_ = false;
};

}  // namespace storage
}  // namespace roost
