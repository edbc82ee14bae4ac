#include "runtime/plan.h"

namespace roost {
namespace runtime {
namespace {

enum : uint16_t { kEnd = 0xFFFF };

bool goes_before(const PlanEntry& a, const PlanEntry& b) {
  if (a.size != b.size) return a.size > b.size;
  if (a.first != b.first) return a.first < b.first;
  return a.tensor < b.tensor;
}

bool live_together(const PlanEntry& a, const PlanEntry& b) {
  return a.first <= b.last && b.first <= a.last;
}

uint32_t end_of(const PlanEntry& entry) {
  return entry.offset + align_up(entry.size, kArenaAlignment);
}

// The lowest offset at which `entry` meets none of the placed ones, which `head` chains by ascending offset.
uint32_t first_fit(Span<PlanEntry> entries, uint16_t head, const PlanEntry& entry) {
  uint32_t offset = 0;
  for (uint16_t i = head; i != kEnd; i = entries[i].next) {
    const PlanEntry& placed = entries[i];
    if (!live_together(placed, entry)) continue;
    if (placed.offset >= offset && placed.offset - offset >= align_up(entry.size, kArenaAlignment)) break;
    if (end_of(placed) > offset) offset = end_of(placed);
  }
  return offset;
}

void chain(Span<PlanEntry> entries, uint16_t* head, uint16_t index) {
  uint16_t* link = head;
  while (*link != kEnd && entries[*link].offset < entries[index].offset) link = &entries[*link].next;
  entries[index].next = *link;
  *link = index;
}

// The entry that goes before all others becomes the first. Asked for one place after the other, that sorts in as many
// steps as finding the places takes at worst.
void select_first(Span<PlanEntry> entries) {
  PlanEntry* best = entries.begin();
  for (PlanEntry& entry : entries) {
    if (goes_before(entry, *best)) best = &entry;
  }
  const PlanEntry moved = *best;
  *best = *entries.begin();
  *entries.begin() = moved;
}

}  // namespace

uint32_t plan(Span<PlanEntry> entries) {
  ROOST_ASSERT(entries.size() < kEnd);
  uint16_t head = kEnd;
  uint32_t used = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    select_first(entries.from(i));
    entries[i].offset = first_fit(entries, head, entries[i]);
    const uint32_t end = end_of(entries[i]);
    if (end > kPlanBytesMax) return end;
    if (end > used) used = end;
    chain(entries, &head, static_cast<uint16_t>(i));
  }
  return used;
}

}  // namespace runtime
}  // namespace roost
