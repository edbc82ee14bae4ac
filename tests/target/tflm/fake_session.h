// A TFLM that fails when told to: device/ports/tflm/tflm_session.h without TFLM.
#pragma once

#include "device/ports/tflm/tflm_session.h"

namespace roost::tflm {

struct FakeTflm {
  static FakeTflm& instance();

  // What goes wrong.
  int32_t missing_operator = -1;
  bool unsound = false;
  bool allocate_fails = false;
  bool invoke_fails = false;
  bool reset_fails = false;
  bool input_nowhere = false;
  size_t output_bytes = 3;

  // What was done.
  int opened = 0;
  int closed = 0;
  int invoked = 0;
  int resets = 0;
  size_t memory_bytes = 0;
  int open_now() const { return opened - closed; }
};

}  // namespace roost::tflm
