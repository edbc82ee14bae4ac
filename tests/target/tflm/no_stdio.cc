// What TFLM wants of a C library and a board without stdio and heap does not have: where it prints, where it gives up,
// and where destructors of statics are registered. An object of its own, so that the linker looks no further.
#include <stdarg.h>
#include <stddef.h>

extern "C" {

void roost_fault();

void DebugLog(const char* format, va_list arguments);
void DebugLog(const char*, va_list) {}

int DebugVsnprintf(char* buffer, size_t size, const char* format, va_list arguments);
int DebugVsnprintf(char*, size_t, const char*, va_list) {
  return 0;
}

__attribute__((noreturn)) void abort();
void abort() {
  for (;;) roost_fault();
}

int atexit(void (*)());
int atexit(void (*)()) {
  return 0;
}

}  // extern "C"
