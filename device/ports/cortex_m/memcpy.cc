// memcpy without unaligned access, so that the processor's trap for it can stay on: newlib's for ARMv7E-M relies on
// the hardware to mend them. It is smaller, too (60 bytes instead of 308). Words where both sides are aligned.
#include <stddef.h>
#include <stdint.h>

extern "C" void* memcpy(void* __restrict to, const void* __restrict from, size_t size);

// Without the attribute the compiler would see what the loops are and call memcpy.
__attribute__((optimize("no-tree-loop-distribute-patterns"), used)) void* memcpy(void* __restrict to,
                                                                                 const void* __restrict from,
                                                                                 size_t size) {
  uint8_t* out = static_cast<uint8_t*>(to);
  const uint8_t* in = static_cast<const uint8_t*>(from);
  if (((reinterpret_cast<uintptr_t>(out) | reinterpret_cast<uintptr_t>(in)) & 3) == 0) {
    typedef uint32_t __attribute__((may_alias)) Word;
    for (; size >= 4; size -= 4, out += 4, in += 4)
      *reinterpret_cast<Word*>(out) = *reinterpret_cast<const Word*>(in);
  }
  for (; size > 0; --size) *out++ = *in++;
  return to;
}
