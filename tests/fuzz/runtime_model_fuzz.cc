// Any bytes as a model: the gate judges them, and what passes is run. The sanitizers are the judges: an accepted
// model may only read itself and the arena, and only write the arena. Both have exactly their size here, so that
// one byte beyond is seen.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <vector>

#include "runtime/inspect.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#include "tests/runtime/model_builder.h"

namespace {

using namespace roost;
using namespace roost::runtime;

class Ignore final : public InspectVisitor {
 public:
  void on_operator(const InspectedOperator&) override {}
  void on_tensor(const InspectedTensor&) override {}
};

GateInput gate_input() {
  GateInput input;
  input.kernels = all_kernels();
  input.limits.arena_bytes = 1 << 18;
  input.limits.work = 2000000;
  return input;
}

void fill_inputs(Interpreter& interpreter, uint8_t seed) {
  for (uint32_t i = 0; i < interpreter.input_count(); ++i) {
    for (uint8_t& byte : interpreter.input(i).bytes) byte = seed = static_cast<uint8_t>(seed * 37 + 11);
  }
}

void run(Interpreter& interpreter, Bytes model, Bytes before) {
  for (uint8_t seed = 0; seed < 3; ++seed) {
    fill_inputs(interpreter, seed);
    (void)interpreter.invoke();
  }
  (void)interpreter.reset();
  ROOST_ASSERT(same_bytes(model, before));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const testing::AlignedBytes file(Bytes(data, size));
  const Bytes model(file.data(), file.size());
  std::vector<uint8_t> scratch(4096);
  Interpreter interpreter(gate_input());
  const auto judgement = interpreter.measure(model, scratch);
  char text[200];
  describe(interpreter.report(), text);
  Ignore ignore;
  inspect(model, gate_input(), scratch, ignore);
  if (!judgement.ok()) return 0;
  testing::AlignedBytes arena(judgement.value().arena_bytes, 0xA5);
  const auto prepared = interpreter.prepare(model, MutableBytes(arena.data(), arena.size()), scratch);
  ROOST_ASSERT(prepared.ok());
  run(interpreter, model, Bytes(data, size));
  return 0;
}
