// The FlatBuffers library as this folder uses it: assertions are ours, and three checks that every view needs.
// For the .cc files of this folder only.
#pragma once

#include "base/assert.h"
#define FLATBUFFERS_ASSERT ROOST_ASSERT
#include <flatbuffers/flatbuffers.h>

#include "base/span.h"
#include "protocol/manifest.h"

namespace roost {
namespace protocol {

inline bool is_aligned_for_flatbuffers(Bytes bytes) {
  return reinterpret_cast<uintptr_t>(bytes.data()) % 8 == 0;
}

inline bool has_identifier(Bytes bytes, const char* identifier) {
  return memcmp(bytes.data() + sizeof(flatbuffers::uoffset_t), identifier, flatbuffers::kFileIdentifierLength) == 0;
}

// By the bits, since a compiler told to hurry may fold isfinite().
inline bool is_finite_not_negative(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits < 0x7F800000u || bits == 0x80000000u;
}

// An absent text is an empty one. Control characters are refused: texts end up on terminals.
inline bool read_text(const flatbuffers::String* from, size_t size_min, size_t size_max, Text* to) {
  *to = Text();
  if (from == nullptr) return size_min == 0;
  if (from->size() < size_min || from->size() > size_max) return false;
  for (flatbuffers::uoffset_t i = 0; i < from->size(); ++i) {
    const uint8_t c = from->Data()[i];
    if (c < 0x20 || c == 0x7F) return false;
  }
  *to = Text(from->c_str(), from->size());
  return true;
}

}  // namespace protocol
}  // namespace roost
