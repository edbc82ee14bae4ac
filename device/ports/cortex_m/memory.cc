// The functions of the C library that compilers call by themselves, small (220 bytes instead of 1000 of newlib's)
// and without unaligned access, so that the processor's trap for it can stay on: newlib's memcpy for ARMv7E-M relies
// on the hardware to mend them. Words where both sides are aligned.
#include <stddef.h>
#include <stdint.h>

extern "C" {
void* memcpy(void* __restrict to, const void* __restrict from, size_t size);
void* memmove(void* to, const void* from, size_t size);
void* memset(void* to, int value, size_t size);
int memcmp(const void* a, const void* b, size_t size);
size_t strlen(const char* text);
}

// Without the attribute the compiler would see what the loops are and call these very functions.
#define ROOST_PLAIN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns"), used))

namespace {

typedef uint32_t __attribute__((may_alias)) Word;

bool aligned(const void* a, const void* b) {
  return ((reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b)) & 3) == 0;
}

}  // namespace

ROOST_PLAIN_LOOPS void* memcpy(void* __restrict to, const void* __restrict from, size_t size) {
  uint8_t* out = static_cast<uint8_t*>(to);
  const uint8_t* in = static_cast<const uint8_t*>(from);
  if (aligned(out, in)) {
    for (; size >= 4; size -= 4, out += 4, in += 4)
      *reinterpret_cast<Word*>(out) = *reinterpret_cast<const Word*>(in);
  }
  for (; size > 0; --size) *out++ = *in++;
  return to;
}

ROOST_PLAIN_LOOPS void* memmove(void* to, const void* from, size_t size) {
  uint8_t* out = static_cast<uint8_t*>(to);
  const uint8_t* in = static_cast<const uint8_t*>(from);
  if (out <= in || out >= in + size) return memcpy(to, from, size);  // which goes upwards
  while (size > 0) {
    --size;
    out[size] = in[size];
  }
  return to;
}

ROOST_PLAIN_LOOPS void* memset(void* to, int value, size_t size) {
  uint8_t* out = static_cast<uint8_t*>(to);
  if (value == 0 && aligned(out, nullptr)) {
    for (; size >= 4; size -= 4, out += 4) *reinterpret_cast<Word*>(out) = 0;
  }
  for (; size > 0; --size) *out++ = static_cast<uint8_t>(value);
  return to;
}

ROOST_PLAIN_LOOPS int memcmp(const void* a, const void* b, size_t size) {
  const uint8_t* left = static_cast<const uint8_t*>(a);
  const uint8_t* right = static_cast<const uint8_t*>(b);
  for (; size > 0; --size, ++left, ++right) {
    if (*left != *right) return *left - *right;
  }
  return 0;
}

ROOST_PLAIN_LOOPS size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length] != 0) ++length;
  return length;
}
