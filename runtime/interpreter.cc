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
  const uint32_t graphs = model()->subgraphs()->size();
  Cursor cursor = {tables_bytes(model(), graphs), judgement_.persistent_bytes - judgement_.variable_bytes};
  for (uint32_t i = 0; i < graphs; ++i) {
    if (!prepare_graph(i, scratch, &cursor)) {
      release();
      return report_.error;
    }
  }
  return reset();
}

// The survey leads to the same plan as in the gate: same bytes, same walk.
bool Interpreter::prepare_graph(uint32_t graph_index, MutableBytes scratch, Cursor* cursor) {
  GraphSurvey survey(file_, graph_index, input_.kernels, scratch);
  if (!survey.run(&report_)) return false;
  const GraphTables table = tables(graph_index);
  const auto* tensors = graph(graph_index)->tensors();
  const uint32_t operator_count = survey.operator_count();
  memset(table.operators, 0, operator_count * sizeof(OperatorRecord));
  for (uint32_t i = 0; i < size_of(tensors); ++i) {
    table.tensor_offsets[i] = 0;
    if (!survey.is_used_variable(i)) continue;
    table.tensor_offsets[i] = cursor->variables;
    const Tensor variable(tensors->Get(i), nullptr, false);
    cursor->variables += align_up(variable.bytes(), kArenaAlignment);
  }
  for (const PlanEntry& entry : survey.plan()) {
    const uint32_t offset = judgement_.persistent_bytes + entry.offset;
    if (entry.tensor == kScratchPlace) {
      table.operators[entry.first - 1].scratch = offset;
    } else {
      table.tensor_offsets[entry.tensor] = offset;
    }
  }
  for (uint32_t i = 0; i < operator_count; ++i) prepare_operator(graph_index, i, cursor);
  return true;
}

// All this succeeded a moment ago, in the survey.
void Interpreter::prepare_operator(uint32_t graph_index, uint32_t op_index, Cursor* cursor) {
  const tflite::SubGraph* subgraph = graph(graph_index);
  const tflite::Operator* op = subgraph->operators()->Get(op_index);
  const OperatorView nowhere(file_, subgraph, op, TensorPlaces{nullptr, nullptr, nullptr});
  TensorType type = TensorType::INT8;
  const bool decided = nowhere.deciding_type(&type);
  const tflite::OperatorCode* code = model()->operator_codes()->Get(op->opcode_index());
  const Kernel* const* kernel = find_kernel(input_.kernels, builtin_operator(code), type);
  ROOST_ASSERT(decided && kernel);
  OperatorRecord& record = tables(graph_index).operators[op_index];
  record.kernel = static_cast<uint16_t>(kernel - input_.kernels.data());
  record.data = cursor->data;
  Needs needs;
  const Error error = (*kernel)->prepare(nowhere, needs, arena_.data() + cursor->data);
  ROOST_ASSERT(error == Error::kNone);
  cursor->data += align_up(needs.data_bytes, kOperatorDataAlignment);
}

Interpreter::GraphTables Interpreter::tables(uint32_t graph_index) const {
  uint8_t* start = arena_.data() + tables_bytes(model(), graph_index);
  const uint32_t tensors = size_of(graph(graph_index)->tensors());
  return GraphTables{reinterpret_cast<uint32_t*>(start),
                     reinterpret_cast<OperatorRecord*>(start + tensors * sizeof(uint32_t))};
}

OperatorView Interpreter::view(uint32_t graph_index, uint32_t op_index) const {
  const GraphTables table = tables(graph_index);
  const TensorPlaces places = {arena_.data(), table.tensor_offsets,
                               arena_.data() + table.operators[op_index].scratch};
  return OperatorView(file_, graph(graph_index), graph(graph_index)->operators()->Get(op_index), places);
}

Result<Progress> Interpreter::step() {
  if (!prepared()) return Error::kNotPrepared;
  const uint32_t count = size_of(graph(kMainGraph)->operators());
  if (next_operator_ < count) {
    const OperatorView op = view(kMainGraph, next_operator_);
    const OperatorRecord& record = tables(kMainGraph).operators[next_operator_];
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
  if (next_operator_ < count) return Progress::kMore;
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
  const auto* graphs = model()->subgraphs();
  for (uint32_t g = 0; g < graphs->size(); ++g) {
    const auto* tensors = graphs->Get(g)->tensors();
    const uint32_t* offsets = tables(g).tensor_offsets;
    for (uint32_t i = 0; i < size_of(tensors); ++i) {
      const Tensor tensor(tensors->Get(i), nullptr, false);
      const uint32_t offset = offsets[i];
      if (!tensor.variable() || offset == 0) continue;
      memset(arena_.data() + offset, initial_byte(tensor), tensor.bytes());
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
  return prepared() ? size_of(graph(kMainGraph)->inputs()) : 0;
}
uint32_t Interpreter::output_count() const {
  return prepared() ? size_of(graph(kMainGraph)->outputs()) : 0;
}

IoTensor Interpreter::input(uint32_t index) {
  return index < input_count() ? io_tensor(graph(kMainGraph)->inputs(), index) : IoTensor();
}

IoTensor Interpreter::output(uint32_t index) {
  return index < output_count() ? io_tensor(graph(kMainGraph)->outputs(), index) : IoTensor();
}

IoTensor Interpreter::io_tensor(const flatbuffers::Vector<int32_t>* indices, uint32_t index) const {
  const uint32_t tensor_index = static_cast<uint32_t>(indices->Get(index));
  const tflite::Tensor* table = graph(kMainGraph)->tensors()->Get(tensor_index);
  const uint8_t* constant = constant_data(model(), table);
  uint8_t* data =
      constant ? const_cast<uint8_t*>(constant) : arena_.data() + tables(kMainGraph).tensor_offsets[tensor_index];
  const Tensor tensor(table, data, constant != nullptr);
  IoTensor io;
  io.type = tensor.type();
  io.shape = tensor.shape();
  io.bytes = MutableBytes(data, tensor.bytes());
  if (tensor.per_tensor()) {
    io.scale = tensor.scale();
    io.zero_point = tensor.zero_point();
  }
  return io;
}

}  // namespace runtime
}  // namespace roost
