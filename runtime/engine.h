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
// - Every call but judge, prepare and release needs a prepared model and says kNotPrepared otherwise; tensors are then
//   empty. Nothing crashes.
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

enum class Progress { kMore, kFinished };

enum class Io : uint8_t { kInput, kOutput };

class Engine {
 public:
  // Judges the model without touching what is prepared. The need for arena is in the judgement, which is complete
  // where the status is ok. Errors: the gate's.
  virtual Status judge(const Bytes& model, const MutableBytes& scratch, Judgement* judgement) = 0;
  Result<Judgement> measure(Bytes model, MutableBytes scratch) {
    Judgement judgement;
    const Status status = judge(model, scratch, &judgement);
    if (!status.ok()) return status.error();
    return judgement;
  }

  // Judges the model again and takes it in; a model held before is released first. `arena` starts at a multiple of
  // kArenaAlignment. State is initial. Errors: the gate's, kArenaTooSmall.
  virtual Status prepare(const Bytes& model, const MutableBytes& arena, const MutableBytes& scratch) = 0;

  // Runs the next operator; kFinished with the last one (or when there is none), after which the outputs are valid
  // and the next step starts the next inference. Errors: kInvokeFailed; the inference is abandoned.
  virtual Result<Progress> step() = 0;

  // Runs the rest of the inference under way, or a whole one: steps until it is finished.
  Status invoke();

  // Abandons an inference under way and puts all state (variables) back to where it was after prepare.
  virtual Status reset() = 0;

  // Gives arena and model back. Always allowed.
  virtual void release() = 0;

  // An input or output; of an index beyond the last one its bytes are empty, and of no other.
  virtual IoTensor tensor(Io which, uint32_t index) const = 0;
  IoTensor input(uint32_t index) const { return tensor(Io::kInput, index); }
  IoTensor output(uint32_t index) const { return tensor(Io::kOutput, index); }
  uint32_t count(Io which) const;
  uint32_t input_count() const { return count(Io::kInput); }
  uint32_t output_count() const { return count(Io::kOutput); }

  // The work of the longest operator of the prepared model, in multiply-accumulates or steps: what one step()
  // costs at most.
  virtual uint64_t longest_block() const = 0;

  // About the last judge, prepare, step or invoke that failed.
  virtual const Report& report() const = 0;

 protected:
  ~Engine() = default;
};

}  // namespace runtime
}  // namespace roost
