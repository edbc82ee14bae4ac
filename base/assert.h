// An assertion for our own mistakes, on in every build.
//
// Bad input from the air, from flash, from a file or from the bus is never an assertion: it is an error value.
#pragma once

#define ROOST_ASSERT(condition) ((condition) ? static_cast<void>(0) : __builtin_trap())
