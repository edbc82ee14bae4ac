// A walk over one subgraph in the order it runs: judges every operator and tensor, and plans the arena.
//
// Gate and interpreter both make it, so that what is prepared is what was judged. The result lies in the scratch.
// The model has passed FlatBuffers verification.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/kernel.h"
#include "runtime/model_view.h"
#include "runtime/plan.h"
#include "runtime/report.h"

namespace roost {
namespace runtime {

// Work is counted in 64 bits, and stops at the largest number.
uint64_t saturating_add(uint64_t a, uint64_t b);

class GraphSurvey {
 public:
  // Borrows everything.
  GraphSurvey(Bytes file, uint32_t graph_index, KernelList kernels, MutableBytes scratch);

  // True if the subgraph is sound; else `report` says why not. The rest is valid after a run that returned true.
  bool run(Report* report);

  Span<const PlanEntry> plan() const { return Span<const PlanEntry>(entries_, entry_count_); }
  uint32_t operator_count() const { return size_of(graph_->operators()); }
  uint32_t tensor_count() const { return size_of(graph_->tensors()); }
  uint32_t planned_bytes() const { return planned_bytes_; }
  uint32_t data_bytes() const { return data_bytes_; }          // of operators, each rounded up
  uint32_t variable_bytes() const { return variable_bytes_; }  // each rounded up to kArenaAlignment
  uint64_t macs() const { return macs_; }
  uint64_t work() const { return work_; }
  uint64_t longest_work() const { return longest_work_; }

  // Is the tensor a variable, a constant that something uses?
  bool is_used_variable(uint32_t tensor) const { return lives_[tensor].first == kVariable; }
  bool is_used_constant(uint32_t tensor) const { return lives_[tensor].first == kConstant; }

 private:
  // From when to when a tensor lives, or what else it is.
  enum : uint16_t {
    kUnseen = 0xFFFF,
    kConstant = 0xFFFE,
    kVariable = 0xFFFD,
    kNotWritten = 0xFFFC,
    kTimeMax = 0xFFF0
  };
  struct Life {
    uint16_t first;
    uint16_t last;
  };

  bool lend_lives();
  bool add_entry(uint32_t size, uint16_t first, uint16_t last, uint16_t tensor);
  Error see(int32_t tensor);
  Error write_input(int32_t tensor);
  Error read(int32_t tensor, uint16_t time, bool by_operator);
  Error write(int32_t tensor, uint16_t time);
  Error survey_inputs();
  Error survey_operators();
  Error survey_operator(const tflite::Operator* op, uint16_t time);
  Error judge_operator(const tflite::Operator* op, uint16_t time);
  Error survey_outputs();
  Error plan_arena();
  const tflite::Tensor* tensor(int32_t index) const { return graph_->tensors()->Get(static_cast<uint32_t>(index)); }

  Bytes file_;
  const tflite::Model* model_;
  const tflite::SubGraph* graph_;
  KernelList kernels_;
  MutableBytes scratch_;
  Report where_;
  Life* lives_ = nullptr;
  PlanEntry* entries_ = nullptr;
  uint32_t entry_count_ = 0;
  uint32_t entry_room_ = 0;
  uint32_t planned_bytes_ = 0;
  uint32_t data_bytes_ = 0;
  uint32_t variable_bytes_ = 0;
  uint64_t macs_ = 0;
  uint64_t work_ = 0;
  uint64_t longest_work_ = 0;
};

}  // namespace runtime
}  // namespace roost
