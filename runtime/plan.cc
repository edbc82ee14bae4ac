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

// Heap sort: in place, no recursion, and no input makes it slow.
void sift_down(Span<PlanEntry> entries, size_t root, size_t count) {
  for (;;) {
    size_t child = 2 * root + 1;
    if (child >= count) return;
    if (child + 1 < count && goes_before(entries[child], entries[child + 1])) ++child;
    if (!goes_before(entries[root], entries[child])) return;
    const PlanEntry moved = entries[root];
    entries[root] = entries[child];
    entries[child] = moved;
    root = child;
  }
}

void sort(Span<PlanEntry> entries) {
  for (size_t i = entries.size() / 2; i-- > 0;) sift_down(entries, i, entries.size());
  for (size_t count = entries.size(); count-- > 1;) {
    const PlanEntry largest = entries[0];
    entries[0] = entries[count];
    entries[count] = largest;
    sift_down(entries, 0, count);
  }
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

}  // namespace

uint32_t add_capped(uint32_t a, uint32_t b) {
  return a > kBytesCap || b > kBytesCap - a ? uint32_t{kBytesCap} : a + b;
}

uint32_t plan(Span<PlanEntry> entries) {
  ROOST_ASSERT(entries.size() < kEnd);
  sort(entries);
  uint16_t head = kEnd;
  uint32_t used = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
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
