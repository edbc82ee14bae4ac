#include "device/ports/cortex_m/semihosting.h"

#include <string.h>

namespace roost {
namespace device {
namespace semihosting {
namespace {

// Arm's numbers ("Semihosting for AArch32 and AArch64").
enum class Call : uint32_t {
  kOpen = 0x01,
  kClose = 0x02,
  kWrite0 = 0x04,
  kWrite = 0x05,
  kRead = 0x06,
  kFileLength = 0x0C,
  kGetCommandLine = 0x15,
  kExitExtended = 0x20,
};

uint32_t host(Call call, const void* argument) {
  register uint32_t r0 __asm__("r0") = static_cast<uint32_t>(call);
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

uint32_t address(const void* p) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(p));
}

}  // namespace

void print(const char* text) {
  host(Call::kWrite0, text);
}

void print_number(uint32_t value) {
  char text[11];
  char* p = text + sizeof(text);
  *--p = '\0';
  do {
    *--p = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  print(p);
}

void print_hex(uint32_t value) {
  char text[9];
  for (uint32_t i = 0; i < 8; ++i) text[i] = "0123456789abcdef"[(value >> (28 - 4 * i)) & 15];
  text[8] = '\0';
  print(text);
}

void exit(uint32_t code) {
  constexpr uint32_t kApplicationExit = 0x20026;
  const uint32_t block[2] = {kApplicationExit, code};
  for (;;) host(Call::kExitExtended, block);
}

File::File(const char* path, Mode mode) {
  const uint32_t block[3] = {address(path), static_cast<uint32_t>(mode), static_cast<uint32_t>(strlen(path))};
  handle_ = host(Call::kOpen, block);
}

uint32_t File::read(MutableBytes out) {
  const uint32_t block[3] = {handle_, address(out.data()), static_cast<uint32_t>(out.size())};
  const uint32_t missing = host(Call::kRead, block);
  return missing > out.size() ? 0 : static_cast<uint32_t>(out.size()) - missing;
}

bool File::write(Bytes bytes) {
  const uint32_t block[3] = {handle_, address(bytes.data()), static_cast<uint32_t>(bytes.size())};
  return host(Call::kWrite, block) == 0;
}

uint32_t File::size() {
  const uint32_t block[1] = {handle_};
  return host(Call::kFileLength, block);
}

void File::close() {
  const uint32_t block[1] = {handle_};
  host(Call::kClose, block);
  handle_ = 0xFFFFFFFF;
}

Span<char> command_line(Span<char> buffer) {
  uint32_t block[2] = {address(buffer.data()), static_cast<uint32_t>(buffer.size())};
  if (buffer.empty() || host(Call::kGetCommandLine, block) != 0) return Span<char>();
  return buffer.first(block[1]);
}

}  // namespace semihosting
}  // namespace device
}  // namespace roost
