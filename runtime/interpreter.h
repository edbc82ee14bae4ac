// The Engine that reads the .tflite in place and keeps everything else in a caller-owned arena. No heap.
//
//   Interpreter interpreter(gate_input);           // which kernels, which limits, which inputs and outputs
//   Status s = interpreter.prepare(model, arena, scratch);
//
// prepare runs the gate itself: there is no way to run a model that has not passed.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/engine.h"
#include "runtime/gate.h"
#include "runtime/kernel.h"
#include "runtime/model_view.h"

namespace roost {
namespace runtime {

// Sees every operator right after it ran, for traces and tests. op.output(i) has the values.
class OperatorObserver {
 public:
  virtual void on_operator(uint32_t op_index, BuiltinOperator op, const OperatorView& view) = 0;

 protected:
  ~OperatorObserver() = default;
};

class Interpreter final : public Engine {
 public:
  // Borrows what `input` points to.
  explicit Interpreter(const GateInput& input) : input_(input) {}

  void observe(OperatorObserver* observer) { observer_ = observer; }
  const Judgement& judgement() const { return judgement_; }  // of what is prepared, else undefined

  Status judge(const Bytes& model, const MutableBytes& scratch, Judgement* judgement) override;
  Status prepare(const Bytes& model, const MutableBytes& arena, const MutableBytes& scratch) override;
  Result<Progress> step() override;
  Status reset() override;
  void release() override;
  IoTensor tensor(Io which, uint32_t index) const override;
  uint64_t longest_block() const override { return prepared() ? judgement_.longest_work : 0; }
  const Report& report() const override { return report_; }

 private:
  bool prepared() const { return graph_.model != nullptr; }

  GateInput input_;
  OperatorObserver* observer_ = nullptr;
  Graph graph_;  // the main one of the model that is prepared
  uint8_t* arena_ = nullptr;
  uint32_t next_operator_ = 0;
  Judgement judgement_ = {};
  Report report_;
};

}  // namespace runtime
}  // namespace roost
