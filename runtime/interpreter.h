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

namespace roost {
namespace runtime {

struct OperatorRecord;

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
  const Judgement& judgement() const { return judgement_; }

  Result<Judgement> measure(Bytes model, MutableBytes scratch) override;
  Status prepare(Bytes model, MutableBytes arena, MutableBytes scratch) override;
  Result<Progress> step() override;
  Status invoke() override;
  Status reset() override;
  void release() override;
  uint32_t input_count() const override;
  uint32_t output_count() const override;
  IoTensor input(uint32_t index) override;
  IoTensor output(uint32_t index) override;
  uint64_t longest_block() const override { return judgement_.longest_work; }
  const Report& report() const override { return report_; }

 private:
  struct GraphTables {
    uint32_t* tensor_offsets;
    OperatorRecord* operators;
  };

  bool prepared() const { return !file_.empty(); }
  // How many there are while a model is prepared, else 0.
  uint32_t graphs() const { return prepared() ? graph_count(tflite::GetModel(file_.data())) : 0; }
  // Where the tables of a subgraph start in the arena; those of all subgraphs end where the next one's would start.
  uint32_t tables_offset(uint32_t graph_index) const;
  GraphTables tables(const Graph& graph, uint32_t graph_index) const;
  Error prepare_graphs(const MutableBytes& scratch);
  IoTensor io_tensor(Span<const int32_t> Graph::*indices, uint32_t index) const;

  GateInput input_;
  OperatorObserver* observer_ = nullptr;
  Bytes file_;
  MutableBytes arena_;
  uint32_t next_operator_ = 0;
  Judgement judgement_;
  Report report_;
};

}  // namespace runtime
}  // namespace roost
