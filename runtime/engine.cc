#include "runtime/engine.h"

namespace roost {
namespace runtime {

Status Engine::invoke() {
  for (;;) {
    const Result<Progress> progress = step();
    if (!progress.ok()) return progress.error();
    if (progress.value() == Progress::kFinished) return Status();
  }
}

uint32_t Engine::count(Io which) const {
  uint32_t count = 0;
  while (!tensor(which, count).bytes.empty()) ++count;
  return count;
}

}  // namespace runtime
}  // namespace roost
