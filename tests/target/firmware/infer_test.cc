// One model on the target: roost MODEL INPUTS OUTPUTS. Says what it takes (arena, scratch, stack); every inference
// is bracketed for the instruction counter, after one empty pair and one prepare. With ROOST_TFLM the firmware's
// TensorFlow Lite Micro runs it (device/ports/tflm), and says what it took of the arena.
#include "device/ports/cortex_m/linked_region.h"
#include "device/ports/cortex_m/stack.h"
#include "runtime/kernels/all.h"
#include "tests/target/firmware/marks.h"
#include "tests/target/firmware/text.h"
#include "tests/target/infer_case.h"
#ifdef ROOST_TFLM
#include "device/ports/tflm/tflm_engine.h"
#include "tests/target/tflm/resolver.h"
#endif

namespace {

using namespace roost;
using namespace roost::target_test;
using device::semihosting::File;
using device::semihosting::Mode;

constexpr uint32_t kArenaBytes = 192 * 1024;
constexpr uint32_t kScratchBytes = 16 * 1024;
constexpr uint32_t kInputBytesMax = 28 * 1024;

__attribute__((section(".noinit"))) alignas(16) uint8_t g_arena[kArenaBytes];
__attribute__((section(".noinit"))) alignas(16) uint8_t g_scratch[kScratchBytes];
__attribute__((section(".noinit"))) uint8_t g_input[kInputBytesMax];

// This board's "flash" for models is memory like any other.
Bytes load_model(const char* path) {
  File file(path, Mode::kRead);
  CHECK(file.ok());
  const uint32_t size = file.size();
  const storage::Region region = device::linked_region();
  CHECK(size <= region.size_bytes);
  uint8_t* const to = const_cast<uint8_t*>(region.begin);
  read_fully(file, MutableBytes(to, size));
  file.close();
  return Bytes(to, size);
}

}  // namespace

int main() {
  static char buffer[256];
  const Words words = command_words(buffer);
  CHECK(words.word[2] != nullptr);
  const Bytes model = load_model(words.word[0]);
  File inputs(words.word[1], Mode::kRead);
  File outputs(words.word[2], Mode::kWrite);
  CHECK(inputs.ok() && outputs.ok());

  runtime::GateInput gate;
  gate.kernels = runtime::all_kernels();
#ifdef ROOST_TFLM
  static tflm::TflmEngine engine(gate, tflm_resolver(Softmax::kReal));
#else
  static runtime::Interpreter engine(gate);
#endif
  device::paint_stack();
  roost_count_begin();
  roost_count_end();
  roost_count_begin();
  const runtime::Status status = engine.prepare(model, g_arena, g_scratch);
  roost_count_end();
  if (!status.ok()) {
    Line().text("error ").number(static_cast<uint32_t>(status.error())).print();
    device::semihosting::exit(0);
  }
  const uint32_t prepare_stack = device::deepest_stack();
  device::paint_stack();
  const uint32_t size = input_bytes(engine);
  CHECK(size <= kInputBytesMax);
  const uint32_t count = size == 0 ? 0 : inputs.size() / size;
  for (uint32_t i = 0; i < count; ++i) {
    read_fully(inputs, MutableBytes(g_input, size));
    CHECK(engine.reset().ok());
    put_inputs(engine, Bytes(g_input, size));
    roost_count_begin();
    const runtime::Status invoked = engine.invoke();
    roost_count_end();
    CHECK(invoked.ok());
    for (uint32_t o = 0; o < engine.output_count(); ++o) CHECK(outputs.write(engine.output(o).bytes));
  }
  const uint32_t invoke_stack = device::deepest_stack();
  const runtime::Judgement judgement = engine.measure(model, g_scratch).value_or(runtime::Judgement());
  Line()
      .text("arena ")
      .number(judgement.arena_bytes)
      .text(" macs ")
      .number(static_cast<uint32_t>(judgement.macs))
      .text(" prepare_stack ")
      .number(prepare_stack)
      .text(" invoke_stack ")
      .number(invoke_stack)
      .text(" scratch ")
      .number(least_scratch(engine, model, g_scratch))
#ifdef ROOST_TFLM
      .text(" used ")
      .number(engine.used_bytes())
#endif
      .print();
  device::semihosting::exit(0);
}
