// Runs the sweep against a deliberately broken store (see mutants.cmake): success is a broken promise found.
#include <stdio.h>

#include "tests/storage/sweep.h"

int main() {
  for (const char* board : {"microbit", "stm32wb", "zero_erased", "rp2040", "nano33ble"}) {
    roost::storage::SweepOptions options;
    options.board = board;
    const roost::storage::SweepReport report = roost::storage::sweep(options);
    if (report.failure.empty()) continue;
    printf("killed after %llu runs: %s\n", static_cast<unsigned long long>(report.runs), report.failure.c_str());
    return 0;
  }
  printf("SURVIVED: the sweep does not notice this mistake\n");
  return 1;
}
