// A walk over one subgraph in the order it runs: judges every operator and tensor, and plans the arena.
//
// Where there is an arena, it is filled on the way, so that what is prepared is what was judged. The plan lies in the
// scratch. The model has passed FlatBuffers verification.
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

class GraphSurvey {
 public:
  // Borrows everything. What the subgraph costs is added to the judgement, but for its planned part: arena_bytes are
  // those of the largest one so far.
  GraphSurvey(const Graph& graph, const KernelList& kernels, const MutableBytes& scratch, Judgement* judgement,
              Report* report)
      : graph_(graph), kernels_(kernels), scratch_(scratch), judgement_(judgement), where_(report) {}

  // kNone if the subgraph is sound; else the report says where in it not, but for the error and the subgraph. The rest
  // is valid after a run that said kNone. An arena that starts at a multiple of kArenaAlignment and is large enough
  // is made ready for running; a smaller one has undefined contents afterwards, but nothing is written outside.
  Error run(const MutableBytes& arena);

  Span<const PlanEntry> plan() const { return Span<const PlanEntry>(entries_, entry_count_); }

  // Is the tensor a variable, a constant that something uses?
  bool is_used_variable(uint32_t tensor) const { return lives_[tensor].first == kVariable; }
  bool is_used_constant(uint32_t tensor) const { return lives_[tensor].first == kConstant; }

 private:
  // From when to when a tensor lives; or what else it is, below kStartTime.
  enum : uint16_t { kUnseen = 0, kConstant = 1, kVariable = 2, kNotWritten = 3 };
  enum : uint32_t { kOperatorsMax = 0xFFEF };
  struct Life {
    uint16_t first;
    uint16_t last;
  };

  enum class Access : bool { kRead, kWrite };

  Error lend_lives();
  Error add_entry(uint32_t size, Life life, uint32_t owner);
  uint16_t time_of(uint32_t op) const { return static_cast<uint16_t>(kStartTime + 1 + op); }
  Error extend(uint32_t bytes);
  Error see(uint32_t tensor);
  Error read(Life* life, uint16_t time) const;
  Error write(Life* life, uint16_t time) const;
  Error access(Numbers tensors, Access how, uint16_t time);
  Error survey();
  Error survey_operator(uint32_t index);
  Error judge_operator(uint32_t index);
  Error place_tensors();
  Error plan_arena();

  const Graph& graph_;
  const KernelList& kernels_;
  const MutableBytes& scratch_;
  Judgement* judgement_;
  Report* where_;
  MutableBytes arena_;  // empty where it does not even hold the tables
  Life* lives_ = nullptr;
  PlanEntry* entries_ = nullptr;
  uint32_t entry_count_ = 0;
  uint32_t entry_room_ = 0;
};

}  // namespace runtime
}  // namespace roost
