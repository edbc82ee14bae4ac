#include "runtime/plan.h"

namespace roost {
namespace runtime {
namespace {

// Of entries of one size, the least goes first.
uint64_t order_of(const PlanEntry& entry) {
  return static_cast<uint64_t>(entry.first) << 32 | entry.owner;
}

bool goes_before(const PlanEntry& a, const PlanEntry& b) {
  return a.size != b.size ? a.size > b.size : order_of(a) < order_of(b);
}

bool live_together(const PlanEntry& a, const PlanEntry& b) {
  return a.first <= b.last && b.first <= a.last;
}

uint32_t end_of(const PlanEntry& entry) {
  return entry.offset + align_up(entry.size, kArenaAlignment);
}

// The lowest offset at which `entry` meets none of the placed ones, which come by ascending offset.
uint32_t first_fit(const Span<const PlanEntry>& all_placed, const PlanEntry& entry) {
  uint32_t offset = 0;
  for (const PlanEntry& placed : all_placed) {
    if (!live_together(placed, entry)) continue;
    if (placed.offset >= offset && placed.offset - offset >= align_up(entry.size, kArenaAlignment)) break;
    if (end_of(placed) > offset) offset = end_of(placed);
  }
  return offset;
}

// Out of a list that is not empty: the one that goes before all others. The list's first one takes its place. Asked for
// one entry after the other, that sorts in as many steps as finding the places takes at worst.
PlanEntry take_first(PlanEntry* list, const PlanEntry* end) {
  PlanEntry* best = list;
  for (PlanEntry* entry = list; entry != end; ++entry) {
    if (goes_before(*entry, *best)) best = entry;
  }
  const PlanEntry taken = *best;
  *best = *list;
  return taken;
}

}  // namespace

uint32_t plan(const Span<PlanEntry>& entries) {
  uint32_t used = 0;
  // Before `next` lie those that are placed, by ascending offset.
  for (PlanEntry* next = entries.begin(); next != entries.end(); ++next) {
    PlanEntry entry = take_first(next, entries.end());
    entry.offset =
        first_fit(Span<const PlanEntry>(entries.begin(), static_cast<size_t>(next - entries.begin())), entry);
    const uint32_t end = end_of(entry);
    if (end > kPlanBytesMax) return end;
    if (end > used) used = end;
    PlanEntry* place = next;
    for (; place != entries.begin() && place[-1].offset > entry.offset; --place) *place = place[-1];
    *place = entry;
  }
  return used;
}

}  // namespace runtime
}  // namespace roost
