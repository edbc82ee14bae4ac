// Of the Arduino core, the declarations that the library and its example use: enough to compile them without it.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

extern "C" unsigned long millis(void);
extern "C" void digitalWrite(uint32_t pin, int value);
#define LED_BUILTIN 13u
#define abs(x) ((x) > 0 ? (x) : -(x))
#define F(text) (text)

struct SerialPort {
  void begin(unsigned long baud);
  size_t print(int value);
  size_t print(char value);
  size_t println();
};
extern SerialPort Serial;
