// What is in a model and what it costs, for `roost inspect` and for tests. Not for devices.
//
//   class Printer final : public InspectVisitor { ... };
//   Inspection inspection = inspect(file, gate_input, scratch, printer);
//   if (!inspection.report.ok()) describe(inspection.report, text);
//
// A model that the gate refuses is still shown as far as its FlatBuffer is sound: its operators, without costs.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/gate.h"
#include "runtime/report.h"
#include "runtime/tensor.h"

namespace roost {
namespace runtime {

struct InspectedOperator {
  uint32_t subgraph = 0;
  uint32_t index = 0;
  BuiltinOperator op = BuiltinOperator::ADD;
  const char* custom_name = nullptr;  // of a custom operator that has one
  int32_t version = 0;
  Span<const int32_t> inputs;  // tensor indices, -1 for one that is absent
  Span<const int32_t> outputs;
  bool supported = false;  // there is a kernel for the operator, on whatever types
  Needs needs;             // zero if the model was refused
};

struct InspectedTensor {
  enum Kind : uint8_t {
    kConstant,  // in the model; no place in the arena
    kVariable,  // in the arena's persistent part
    kPlanned,   // in the arena while it lives
    kScratch,   // an operator's, while it runs; no index, no name, no shape
  };
  Kind kind = kConstant;
  uint32_t subgraph = 0;
  uint32_t index = 0;
  const char* name = "";
  TensorType type = TensorType::INT8;
  Span<const int32_t> shape;
  uint32_t bytes = 0;
  uint32_t offset = 0;   // from the arena's start, for planned ones and scratch
  int32_t written = -1;  // by this operator; -1: before the first one
  int32_t read = -1;     // last by this operator; the number of operators: after the last one
  uint32_t scale_count = 0;
  float scale = 0;  // the first one
  int32_t zero_point = 0;
};

class InspectVisitor {
 public:
  virtual void on_operator(const InspectedOperator& op) = 0;
  virtual void on_tensor(const InspectedTensor& tensor) = 0;  // those that are used, and scratch; not if refused

 protected:
  ~InspectVisitor() = default;
};

struct Inspection {
  Report report;             // whether and why the gate refuses the model
  Judgement judgement = {};  // complete if it does not
  uint32_t subgraphs = 0;    // from here on 0 and null unless the FlatBuffer is sound
  const char* description = nullptr;
  uint64_t weight_bytes = 0;   // constants, each buffer once
  Span<const int32_t> inputs;  // of the model: tensor indices in subgraph 0
  Span<const int32_t> outputs;
};

Inspection inspect(Bytes model, const GateInput& input, MutableBytes scratch, InspectVisitor& visitor);

}  // namespace runtime
}  // namespace roost
