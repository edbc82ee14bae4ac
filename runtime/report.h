// What the gate or the interpreter found, exactly enough for a sentence.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/error.h"
#include "runtime/schema_generated.h"

namespace roost {
namespace runtime {

// Which operator or tensor an error is about; -1 where it is about neither.
struct Report {
  Error error;
  int32_t subgraph;
  int32_t op_index;
  tflite::BuiltinOperator op;  // of op_index, if that is not -1
  int32_t op_version;
  int32_t tensor;        // its index in its subgraph; the number of declared I/O, or of a self-test's vector
  char custom_name[24];  // of a custom operator, cut, zero-terminated

  Report() { restart(); }

  bool ok() const { return error == Error::kNone; }
  void restart(Error found = Error::kNone);  // nothing is known but that
  void set_operator(const tflite::OperatorCode* code);
};

// The public name, such as "CONV_2D"; "operator 4711" is up to the caller: unknown numbers give null.
const char* operator_name(tflite::BuiltinOperator op);

// What an error means, as the predicate of a sentence without its full stop.
const char* describe(Error error);

// The whole sentence, zero-terminated, cut where `text` ends: "operator 3 (CONV_2D, version 5): this firmware
// carries no kernel for that version". Returns its length. Not used on a device: the strings cost flash, and are
// only linked where these functions are called.
size_t describe(const Report& report, Span<char> text);

}  // namespace runtime
}  // namespace roost
