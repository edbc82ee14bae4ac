// Of the Arduino core, the declarations that the library and its example use: enough to compile them without it, and
// the core's macros, which forbid names to whatever is included after it (as it is in every sketch).
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef enum { LOW = 0, HIGH = 1, CHANGE = 2, FALLING = 3, RISING = 4 } PinStatus;
typedef enum { INPUT = 0, OUTPUT = 1, INPUT_PULLUP = 2, INPUT_PULLDOWN = 3, OUTPUT_OPENDRAIN = 4 } PinMode;
typedef enum { LSBFIRST = 0, MSBFIRST = 1 } BitOrder;
typedef uint8_t pin_size_t;

extern "C" unsigned long millis(void);
extern "C" void pinMode(pin_size_t pin, PinMode mode);
extern "C" void digitalWrite(pin_size_t pin, PinStatus status);
#define LED_BUILTIN (13u)

#define PI 3.1415926535897932384626433832795
#define HALF_PI 1.5707963267948966192313216916398
#define TWO_PI 6.283185307179586476925286766559
#define DEG_TO_RAD 0.017453292519943295769236907684886
#define RAD_TO_DEG 57.295779513082320876798154814105
#define EULER 2.718281828459045235360287471352
#define SERIAL 0x0
#define DISPLAY 0x1
#define _NOP() ((void)0)
#define NOT_A_PIN 255
#define NOT_A_PORT 255
#define NOT_AN_INTERRUPT 255
#define abs(x) ((x) > 0 ? (x) : -(x))
#define constrain(amount, low, high) ((amount) < (low) ? (low) : ((amount) > (high) ? (high) : (amount)))
#define radians(degrees) ((degrees)*DEG_TO_RAD)
#define degrees(radians) ((radians)*RAD_TO_DEG)
#define sq(x) ((x) * (x))
#define lowByte(w) ((uint8_t)((w)&0xff))
#define highByte(w) ((uint8_t)((w) >> 8))
#define bit(b) (1UL << (b))
#define bitRead(value, bit) (((value) >> (bit)) & 0x01)
#define bitSet(value, bit) ((value) |= (1UL << (bit)))
#define bitClear(value, bit) ((value) &= ~(1UL << (bit)))
#define bitToggle(value, bit) ((value) ^= (1UL << (bit)))
#define bitWrite(value, bit, on) ((on) ? bitSet((value), (bit)) : bitClear((value), (bit)))
#define word(...) makeWord(__VA_ARGS__)
#define interrupts() __enable_irq()
#define noInterrupts() __disable_irq()
#define digitalPinToInterrupt(pin) (pin)
#define F(text) (text)

namespace arduino {
class String;
class Print {
 public:
  size_t print(char value);
  size_t print(unsigned char value, int base = 10);
  size_t print(int value, int base = 10);
  size_t print(unsigned int value, int base = 10);
  size_t print(long value, int base = 10);
  size_t print(unsigned long value, int base = 10);
  size_t print(const char* text);
  size_t println();
};
class SerialPort : public Print {
 public:
  void begin(unsigned long baud);
};
}  // namespace arduino
using namespace arduino;  // as the core does

extern SerialPort _UART_USB_;
#define Serial _UART_USB_
