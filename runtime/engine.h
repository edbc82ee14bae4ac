// The seam between ModelHost and whatever runs a model: our Interpreter, or a runtime that the firmware carries
// already. One Engine holds at most one model.
//
//   if (!engine.prepare(model, arena, scratch).ok()) return engine.report();
//   copy(engine.input(0).bytes, sample);
//   if (engine.invoke().ok()) use(engine.output(0).bytes);
//   engine.release();
//
// Contract, the same for all engines:
// - The model's bytes stay unchanged and mapped, and the arena is the engine's alone, from a prepare that returned
//   ok until release; scratch only during the call. An engine that failed to prepare holds nothing.
// - Every call but measure, prepare and release needs a prepared model and says kNotPrepared otherwise; counts
//   are then 0 and tensors empty. Nothing crashes.
// - input() and output() stay where they are from prepare to release. The inputs' contents may be overwritten by an
//   inference, the outputs' by writing inputs: write all inputs, invoke, read all outputs.
// - One thread.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/error.h"
#include "runtime/gate.h"
#include "runtime/report.h"

namespace roost {
namespace runtime {

// An input or output, for the application. `scale` is 0 where the tensor is not quantised. Write to inputs only: an
// output may be a constant of the model.
struct IoTensor {
  TensorType type = TensorType::INT8;
  Span<const int32_t> shape;
  MutableBytes bytes;
  float scale = 0;
  int32_t zero_point = 0;
};

enum class Progress : uint8_t { kMore, kFinished };

class Engine {
 public:
  // Judges the model without touching what is prepared. The need for arena is in the answer. Errors: the gate's.
  virtual Result<Judgement> measure(Bytes model, MutableBytes scratch) = 0;

  // Judges the model again and takes it in; a model held before is released first. `arena` starts at a multiple of
  // kArenaAlignment. State is initial. Errors: the gate's, kArenaTooSmall.
  virtual Status prepare(Bytes model, MutableBytes arena, MutableBytes scratch) = 0;

  // Runs the next operator; kFinished with the last one (or when there is none), after which the outputs are valid
  // and the next step starts the next inference. Errors: kInvokeFailed; the inference is abandoned.
  virtual Result<Progress> step() = 0;

  // Runs the rest of the inference under way, or a whole one.
  virtual Status invoke() = 0;

  // Abandons an inference under way and puts all state (variables) back to where it was after prepare.
  virtual Status reset() = 0;

  // Gives arena and model back. Always allowed.
  virtual void release() = 0;

  virtual uint32_t input_count() const = 0;
  virtual uint32_t output_count() const = 0;
  virtual IoTensor input(uint32_t index) = 0;
  virtual IoTensor output(uint32_t index) = 0;

  // The work of the longest operator of the prepared model, in multiply-accumulates or steps: what one step()
  // costs at most.
  virtual uint64_t longest_block() const = 0;

  // About the last measure, prepare, step or invoke that failed.
  virtual const Report& report() const = 0;

 protected:
  ~Engine() = default;
};

}  // namespace runtime
}  // namespace roost
