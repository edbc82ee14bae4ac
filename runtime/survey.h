// A walk over one subgraph in the order it runs: judges every operator and tensor, and plans the arena.
//
// Gate and interpreter both make it, so that what is prepared is what was judged. The result lies in the scratch.
// The model has passed FlatBuffers verification.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/arena_layout.h"
#include "runtime/gate.h"
#include "runtime/kernel.h"
#include "runtime/model_view.h"
#include "runtime/plan.h"
#include "runtime/report.h"

namespace roost {
namespace runtime {

// Where operators are prepared for running: the subgraph's records, and where the next operator's data goes. Of a
// subgraph that has been found sound, and whose needs the arena is known to meet.
struct Destination {
  OperatorRecord* records;  // all but the place of the scratch is filled in
  uint8_t* arena;
  uint32_t data;
};

class GraphSurvey {
 public:
  // Borrows everything. What the subgraph's operators cost and how many they are is added to the judgement.
  GraphSurvey(const Graph& graph, const KernelList& kernels, const MutableBytes& scratch, Judgement* judgement);

  // kNone if the subgraph is sound; else `report` says where in it not, but for the error and the subgraph. The rest is valid after
  // a run that said kNone. With a `destination` every operator is prepared on the way.
  Error run(Report* report, Destination* destination = nullptr);

  Span<const PlanEntry> plan() const { return Span<const PlanEntry>(entries_, entry_count_); }
  uint32_t planned_bytes() const { return planned_bytes_; }
  uint32_t data_bytes() const { return data_bytes_; }          // of operators, each rounded up
  uint32_t variable_bytes() const { return variable_bytes_; }  // each rounded up to kArenaAlignment

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

  Error lend_lives();
  Error add_entry(uint32_t size, uint16_t first, uint16_t last, uint16_t tensor);
  Error see(int32_t tensor);
  Error read(int32_t tensor, uint16_t time, bool by_operator);
  Error write(int32_t tensor, uint16_t time);
  Error survey(Destination* destination);
  Error survey_operator(uint32_t index, Destination* destination);
  Error judge_operator(const OperatorView& view, uint32_t index, Destination* destination);
  Error plan_arena();

  const Graph& graph_;
  const KernelList& kernels_;
  const MutableBytes& scratch_;
  Judgement* judgement_;
  Report* where_ = nullptr;
  Life* lives_ = nullptr;
  PlanEntry* entries_ = nullptr;
  uint32_t entry_count_ = 0;
  uint32_t entry_room_ = 0;
  uint32_t planned_bytes_ = 0;
  uint32_t data_bytes_ = 0;
  uint32_t variable_bytes_ = 0;
};

}  // namespace runtime
}  // namespace roost
