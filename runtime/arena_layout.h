// What lies where in an engine's piece of arena. All offsets are from its start.
//
//   +--------------------------+----------------+-----------+----------------------------+- - - - - - - - - +
//   | tables: tensor offsets,  | operators'     | variables | planned: inputs, outputs,  | what the other    |
//   | records                  | data           |           | between, scratch           | subgraphs need    |
//   +--------------------------+----------------+-----------+----------------------------+- - - - - - - - - +
//   0                                                       persistent_bytes, of the main subgraph alone
//
// That of the other subgraphs is counted and not filled in: no kernel enters one yet. Their planned parts overlay that
// of the main one.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/model_view.h"
#include "runtime/plan.h"

namespace roost {
namespace runtime {

// What the interpreter keeps per operator. The same size everywhere: no pointers.
struct OperatorRecord {
  uint32_t data;     // offset of the kernel's data
  uint32_t scratch;  // offset of its scratch, if it asked for any
  uint32_t kernel;   // index in the list of kernels
};

// The bytes of a subgraph's tables. Counts have been limited by the gate.
inline uint32_t tables_bytes(const Graph& graph) {
  return graph.tensor_count * uint32_t{sizeof(uint32_t)} + graph.operator_count * uint32_t{sizeof(OperatorRecord)};
}

// Per tensor, 0 for those that do not live in the arena.
inline uint32_t* tensor_offsets(uint8_t* arena) {
  return reinterpret_cast<uint32_t*>(arena);
}
// The tables read as words: the one with the offset of an operator's scratch. That of a tensor has the tensor's number.
inline uint32_t scratch_word(const Graph& graph, uint32_t operator_index) {
  const uint32_t record_word = operator_index * uint32_t{sizeof(OperatorRecord) / sizeof(uint32_t)};
  return graph.tensor_count + record_word + uint32_t{offsetof(OperatorRecord, scratch) / sizeof(uint32_t)};
}
inline OperatorRecord* operator_records(const Graph& graph, uint8_t* arena) {
  return reinterpret_cast<OperatorRecord*>(tensor_offsets(arena) + graph.tensor_count);
}

}  // namespace runtime
}  // namespace roost
