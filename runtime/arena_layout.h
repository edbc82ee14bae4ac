// What lies where in an engine's piece of arena. All offsets are from its start.
//
//   +--------------------------+----------------+-----------+------------------------------------+
//   | tables, per subgraph:    | operators'     | variables | planned: inputs, outputs, between, |
//   | tensor offsets, records  | data           |           | scratch; subgraphs overlay         |
//   +--------------------------+----------------+-----------+------------------------------------+
//   0                          data_offset()    variables_offset()   persistent_bytes()     total_bytes()
#pragma once

#include <stdint.h>

#include "runtime/model_view.h"
#include "runtime/plan.h"

namespace roost {
namespace runtime {

// What the interpreter keeps per operator. The same size everywhere: no pointers.
struct OperatorRecord {
  uint32_t data;     // offset of the kernel's data
  uint32_t scratch;  // offset of its scratch, if it asked for any
  uint16_t kernel;   // index in the list of kernels
  uint16_t unused;
};

// The bytes of a subgraph's tables. Counts have been limited by the gate.
inline uint32_t tables_bytes(const Graph& graph) {
  return graph.tensor_count * uint32_t{sizeof(uint32_t)} + graph.operator_count * uint32_t{sizeof(OperatorRecord)};
}

class ArenaLayout {
 public:
  void add_graph(const Graph& graph, uint32_t data_bytes, uint32_t variable_bytes, uint32_t planned_bytes) {
    tables_bytes_ += tables_bytes(graph);
    data_bytes_ = add_capped(data_bytes_, data_bytes);
    variable_bytes_ = add_capped(variable_bytes_, variable_bytes);
    if (planned_bytes > planned_bytes_) planned_bytes_ = planned_bytes;
  }

  // Each at most kBytesCap, which is more than any arena has.
  uint32_t data_offset() const { return tables_bytes_; }
  uint32_t variables_offset() const { return align_up(add_capped(tables_bytes_, data_bytes_), kArenaAlignment); }
  uint32_t variable_bytes() const { return variable_bytes_; }
  uint32_t persistent_bytes() const { return add_capped(variables_offset(), variable_bytes_); }
  uint32_t total_bytes() const { return add_capped(persistent_bytes(), planned_bytes_); }

 private:
  uint32_t tables_bytes_ = 0;
  uint32_t data_bytes_ = 0;
  uint32_t variable_bytes_ = 0;
  uint32_t planned_bytes_ = 0;
};

}  // namespace runtime
}  // namespace roost
