// Lines of text and words of the command line, without a heap.
#pragma once

#include "device/ports/cortex_m/semihosting.h"
#include "tests/target/firmware/check.h"

namespace roost {
namespace target_test {

class Line {
 public:
  Line& text(const char* s) {
    while (*s != '\0' && size_ < sizeof(bytes_)) bytes_[size_++] = *s++;
    return *this;
  }
  Line& name(char c) {
    const char s[2] = {c, '\0'};
    return text(s);
  }
  Line& number(uint32_t value) {
    char digits[11];
    char* p = digits + sizeof(digits);
    *--p = '\0';
    do {
      *--p = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return text(p);
  }
  void write_to(device::semihosting::File& file) {
    text("\n");
    CHECK(file.write(Bytes(reinterpret_cast<const uint8_t*>(bytes_), size_)));
    size_ = 0;
  }
  void print() {
    text("\n");
    bytes_[size_ < sizeof(bytes_) ? size_ : sizeof(bytes_) - 1] = '\0';
    device::semihosting::print(bytes_);
    size_ = 0;
  }

 private:
  char bytes_[160];
  uint32_t size_ = 0;
};

// The words behind the program's name; missing ones are null.
struct Words {
  const char* word[5];
};

inline Words command_words(Span<char> buffer) {
  Span<char> line = device::semihosting::command_line(buffer);
  Words words = {};
  uint32_t count = 0;
  bool inside = false;
  for (uint32_t i = 0; i < line.size() && line[i] != '\0'; ++i) {
    if (line[i] == ' ') {
      line[i] = '\0';
      inside = false;
    } else if (!inside) {
      inside = true;
      if (count >= 1 && count <= 5) words.word[count - 1] = &line[i];
      ++count;
    }
  }
  return words;
}

// Reads until `out` is full.
inline void read_fully(device::semihosting::File& file, MutableBytes out) {
  for (size_t have = 0; have < out.size();) {
    const uint32_t count = file.read(out.from(have));
    CHECK(count > 0);
    have += count;
  }
}

}  // namespace target_test
}  // namespace roost
