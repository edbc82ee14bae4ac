// The arena planner: gives each tensor a place such that no two that live at the same time overlap.
//
// Largest first, each at the lowest offset where it fits (ties: the one that lives first, then by owner). Offsets and
// sizes are multiples of kArenaAlignment.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/tensor.h"

namespace roost {
namespace runtime {

// The model's inputs are written at kStartTime, operator i runs i + 1 later, the outputs are read after the last one.
enum : uint16_t { kStartTime = 4 };

struct PlanEntry {
  uint32_t size;    // bytes, before rounding up
  uint32_t offset;  // found by plan()
  uint16_t first;   // lives from the time it is written
  uint16_t last;    // to the time it is last read, included
  uint32_t owner;   // whose place it is: the caller's own
};

enum : uint32_t { kPlanBytesMax = 1u << 31 };

// Of anything up to kPlanBytesMax.
constexpr uint32_t align_up(uint32_t value, uint32_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

// Fills in the offsets and puts the entries in their order. Returns the bytes used, or more than kPlanBytesMax if the
// tensors do not fit 31 bits; some entries are lost then. No entry has more than kTensorBytesMax.
uint32_t plan(const Span<PlanEntry>& entries);

}  // namespace runtime
}  // namespace roost
