#include "runtime/interpreter.h"

#include <string.h>

#include "runtime/arena_layout.h"
#include "runtime/model_view.h"
#include "runtime/survey.h"

namespace roost {
namespace runtime {
namespace {

enum : uint32_t { kMainGraph = 0 };

// What a variable's bytes are set to: zero as a real number.
uint8_t initial_byte(const Tensor& variable) {
  const bool shifted = variable.type() == TensorType::INT8 && variable.scale_count() > 0;
  return shifted ? static_cast<uint8_t>(variable.zero_point()) : uint8_t{0};
}

}  // namespace

Result<Judgement> Interpreter::measure(Bytes model, MutableBytes scratch) {
  Judgement judgement;
  if (!ModelGate(input_).judge(model, scratch, &judgement, &report_)) return report_.error;
  return judgement;
}

Status Interpreter::prepare(Bytes file, MutableBytes arena, MutableBytes scratch) {
  ROOST_ASSERT(reinterpret_cast<uintptr_t>(arena.data()) % kArenaAlignment == 0);
  release();
  if (!ModelGate(input_).judge(file, scratch, &judgement_, &report_)) return report_.error;
  if (judgement_.arena_bytes > arena.size()) {
    report_.error = Error::kArenaTooSmall;
    return report_.error;
  }
  file_ = file;
  arena_ = arena.first(judgement_.arena_bytes);
  report_.error = prepare_graphs(scratch);
  if (!report_.ok()) {
    release();
    return report_.error;
  }
  return reset();
}

// The surveys lead to the same plans as in the gate: same bytes, same walk.
Error Interpreter::prepare_graphs(const MutableBytes& scratch) {
  Destination destination = {nullptr, arena_.data(), tables_offset(graphs())};
  Judgement same;  // as judgement_
  uint32_t variables = judgement_.persistent_bytes - judgement_.variable_bytes;
  for (uint32_t g = 0; g < graphs(); ++g) {
    const Graph graph(file_, g);
    const GraphTables table = tables(graph, g);
    GraphSurvey survey(graph, input_.kernels, scratch, &same);
    destination.records = table.operators;
    ROOST_RETURN_IF_ERROR(survey.run(&report_, &destination));
    for (uint32_t i = 0; i < graph.tensor_count; ++i) {
      table.tensor_offsets[i] = 0;
      if (!survey.is_used_variable(i)) continue;
      table.tensor_offsets[i] = variables;
      variables += align_up(graph.tensor(i, nullptr).bytes(), kArenaAlignment);
    }
    for (const PlanEntry& entry : survey.plan()) {
      const uint32_t offset = judgement_.persistent_bytes + entry.offset;
      if (entry.tensor == kScratchPlace) {
        table.operators[entry.first - 1].scratch = offset;
      } else {
        table.tensor_offsets[entry.tensor] = offset;
      }
    }
  }
  return Error::kNone;
}

uint32_t Interpreter::tables_offset(uint32_t graph_index) const {
  uint32_t offset = 0;
  for (uint32_t g = 0; g < graph_index; ++g) offset += tables_bytes(Graph(file_, g));
  return offset;
}

Interpreter::GraphTables Interpreter::tables(const Graph& graph, uint32_t graph_index) const {
  uint8_t* start = arena_.data() + tables_offset(graph_index);
  return GraphTables{reinterpret_cast<uint32_t*>(start),
                     reinterpret_cast<OperatorRecord*>(start + graph.tensor_count * sizeof(uint32_t))};
}

Result<Progress> Interpreter::step() {
  if (!prepared()) return Error::kNotPrepared;
  const Graph graph(file_, kMainGraph);
  if (next_operator_ < graph.operator_count) {
    const GraphTables table = tables(graph, kMainGraph);
    const OperatorRecord& record = table.operators[next_operator_];
    const OperatorView op(graph, next_operator_,
                          TensorPlaces{arena_.data(), table.tensor_offsets, arena_.data() + record.scratch});
    const Kernel* kernel = input_.kernels[record.kernel];
    if (kernel->invoke(op, arena_.data() + record.data) != Error::kNone) {
      report_.restart(Error::kInvokeFailed);
      report_.subgraph = kMainGraph;
      report_.op_index = static_cast<int32_t>(next_operator_);
      report_.op = kernel->op;
      next_operator_ = 0;
      return Error::kInvokeFailed;
    }
    if (observer_) observer_->on_operator(next_operator_, kernel->op, op);
    ++next_operator_;
  }
  if (next_operator_ < graph.operator_count) return Progress::kMore;
  next_operator_ = 0;
  return Progress::kFinished;
}

Status Interpreter::invoke() {
  for (;;) {
    const Result<Progress> progress = step();
    if (!progress.ok()) return progress.error();
    if (progress.value() == Progress::kFinished) return Status();
  }
}

Status Interpreter::reset() {
  if (!prepared()) return Error::kNotPrepared;
  next_operator_ = 0;
  for (uint32_t g = 0; g < graphs(); ++g) {
    const Graph graph(file_, g);
    const uint32_t* offsets = tables(graph, g).tensor_offsets;
    for (uint32_t i = 0; i < graph.tensor_count; ++i) {
      const Tensor tensor = graph.tensor(i, arena_.data() + offsets[i]);
      const bool used = offsets[i] != 0;
      if (used && tensor.variable()) {
        memset(tensor.mutable_data<uint8_t>(), initial_byte(tensor), tensor.bytes());
      }
    }
  }
  return Status();
}

void Interpreter::release() {
  file_ = Bytes();
  arena_ = MutableBytes();
  judgement_ = Judgement();
  next_operator_ = 0;
}

uint32_t Interpreter::input_count() const {
  return prepared() ? static_cast<uint32_t>(Graph(file_, kMainGraph).inputs.size()) : 0;
}
uint32_t Interpreter::output_count() const {
  return prepared() ? static_cast<uint32_t>(Graph(file_, kMainGraph).outputs.size()) : 0;
}

IoTensor Interpreter::input(uint32_t index) {
  return io_tensor(&Graph::inputs, index);
}
IoTensor Interpreter::output(uint32_t index) {
  return io_tensor(&Graph::outputs, index);
}

IoTensor Interpreter::io_tensor(Span<const int32_t> Graph::*indices, uint32_t index) const {
  IoTensor io;
  if (!prepared()) return io;
  const Graph graph(file_, kMainGraph);
  if (index >= (graph.*indices).size()) return io;
  const uint32_t tensor_index = static_cast<uint32_t>((graph.*indices)[index]);
  const uint32_t* offsets = tables(graph, kMainGraph).tensor_offsets;
  const Tensor tensor = graph.tensor(tensor_index, arena_.data() + offsets[tensor_index]);
  io.type = tensor.type();
  io.shape = tensor.shape();
  // Perhaps a constant: the application writes to inputs only, and those are none.
  io.bytes = MutableBytes(const_cast<uint8_t*>(tensor.data<uint8_t>()), tensor.bytes());
  if (tensor.per_tensor()) {
    io.scale = tensor.scale();
    io.zero_point = tensor.zero_point();
  }
  return io;
}

}  // namespace runtime
}  // namespace roost
