// The sweep: a mission (install, roll back, erase ...) from a starting state, once for every flash operation in it,
// with the power cut there (before, inside, after) and cut again while it recovers; after each boot the promises of
// the store are checked against what the host was told, and once the cuts stop the mission has to succeed.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

namespace roost {
namespace storage {

struct SweepReport {
  uint64_t runs = 0;
  uint64_t cuts = 0;
  uint64_t faults = 0;
  std::string failure;  // empty: every promise was kept
};

struct SweepOptions {
  std::string board;
  uint32_t payload_blocks = 3;  // of a slot
  uint16_t chunk_bytes = 0;     // 0: the board's
  uint32_t step = 1;            // of the operations only each so-many-th, unless full
  bool full = false;            // every cut point, several seeds, many nested cuts
  bool stop_at_first = true;    // failure
};

SweepReport sweep(const SweepOptions& options);

}  // namespace storage
}  // namespace roost
