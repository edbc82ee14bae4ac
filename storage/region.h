// Reserving the region at link time: two ways, one result.
//
//   // 1. The linker script has a section for it, aligned to the erase block (best: NOLOAD, outside the image).
//   ROOST_REGION_IN_SECTION(g_models, 256 * 1024, 4096, ".roost_region");
//   // 2. The linker script cannot be touched (Arduino): a constant array inside the firmware image.
//   ROOST_REGION_ARRAY(g_models, 256 * 1024, 4096);
//
//   NrfFlash flash(roost::storage::region_of(g_models));
//
// The second way has two costs, both handled by the store: the region arrives as zeros (not erased), and a new
// firmware image wipes or moves it, so that the models have to be pushed again.
//
// Never read the array itself: the compiler knows it to be constant and zero, and may fold the reads. region_of
// returns an address the compiler knows nothing about; all reading goes through it, that is, through the Flash.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace roost {
namespace storage {

struct Region {
  const uint8_t* begin;
  uint32_t size_bytes;
};

template <size_t kBytes>
inline Region region_of(const uint8_t (&array)[kBytes]) {
  const uint8_t* begin = array;
  __asm__ volatile("" : "+r"(begin) : : "memory");  // launder: from here on the bytes may be anything
  return Region{begin, static_cast<uint32_t>(kBytes)};
}

}  // namespace storage
}  // namespace roost

#define ROOST_REGION_ARRAY(name, size_bytes, erase_block_bytes)                                         \
  static_assert((size_bytes) % (erase_block_bytes) == 0, "a region is a whole number of erase blocks"); \
  extern const uint8_t name[size_bytes];                                                                \
  alignas(erase_block_bytes) __attribute__((used)) const uint8_t name[size_bytes] = {}

#define ROOST_REGION_IN_SECTION(name, size_bytes, erase_block_bytes, section_name)                      \
  static_assert((size_bytes) % (erase_block_bytes) == 0, "a region is a whole number of erase blocks"); \
  extern const uint8_t name[size_bytes];                                                                \
  alignas(erase_block_bytes) __attribute__((used, section(section_name))) const uint8_t name[size_bytes] = {}
