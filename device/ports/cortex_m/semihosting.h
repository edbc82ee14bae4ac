// What a debugger or an emulator does for the target: text, files, exit. For tests and bring-up only; without a
// debugger attached the first call is a hard fault.
#pragma once

#include <stdint.h>

#include "base/span.h"

namespace roost {
namespace device {
namespace semihosting {

void print(const char* text);
void print_number(uint32_t value);
void print_hex(uint32_t value);

// Ends the emulation with this process exit status.
[[noreturn]] void exit(uint32_t code);

enum class Mode : uint32_t { kRead = 1, kWrite = 5, kAppend = 9 };  // rb, wb, ab of fopen

// A file (or FIFO) of the machine the emulator runs on. Reading a FIFO waits for at least one byte.
class File {
 public:
  // False from ok() when it cannot be opened.
  File(const char* path, Mode mode);
  bool ok() const { return handle_ != 0xFFFFFFFF; }
  // Bytes read: 0 at the end.
  uint32_t read(MutableBytes out);
  // True when all was written.
  bool write(Bytes bytes);
  uint32_t size();
  void close();

 private:
  uint32_t handle_;
};

// The words after the image's name in `-semihosting-config arg=`, separated by spaces.
Span<char> command_line(Span<char> buffer);

}  // namespace semihosting
}  // namespace device
}  // namespace roost
