#include "runtime/interpreter.h"

#include <string.h>

#include "runtime/arena_layout.h"
#include "runtime/model_view.h"
#include "runtime/survey.h"

namespace roost {
namespace runtime {
namespace {

// What a variable's bytes are set to: zero as a real number.
uint8_t initial_byte(const Tensor& variable) {
  const bool shifted = variable.type() == TensorType::INT8 && variable.scale_count() > 0;
  return shifted ? static_cast<uint8_t>(variable.zero_point()) : uint8_t{0};
}

}  // namespace

Status Interpreter::judge(const Bytes& model, const MutableBytes& scratch, Judgement* judgement) {
  ModelGate(input_).judge(model, scratch, judgement, &report_);
  return report_.error;
}

Status Interpreter::prepare(const Bytes& file, const MutableBytes& arena, const MutableBytes& scratch) {
  ROOST_ASSERT(reinterpret_cast<uintptr_t>(arena.data()) % kArenaAlignment == 0);
  release();
  const bool sound = ModelGate(input_).judge(file, scratch, &judgement_, &report_, arena);
  if (sound && judgement_.arena_bytes > arena.size()) report_.error = Error::kArenaTooSmall;
  if (!report_.ok()) return report_.error;
  graph_ = Graph(file, kMainGraph);
  arena_ = arena.data();
  return reset();
}

Result<Progress> Interpreter::step() {
  if (!prepared()) return Error::kNotPrepared;
  if (next_operator_ < graph_.operator_count) {
    const OperatorRecord& record = operator_records(graph_, arena_)[next_operator_];
    const TensorPlaces places = {arena_, tensor_offsets(arena_), arena_ + record.scratch};
    const OperatorView op(graph_, next_operator_, &places);
    const Kernel* kernel = input_.kernels[record.kernel];
    if (kernel->invoke(op, arena_ + record.data) != Error::kNone) {
      report_.restart(Error::kInvokeFailed);
      report_.subgraph = kMainGraph;
      report_.op_index = static_cast<int32_t>(next_operator_);
      report_.op = kernel->op;
      next_operator_ = 0;
      return Error::kInvokeFailed;
    }
    if (observer_) observer_->on_operator(next_operator_, kernel->op, op);
    if (++next_operator_ < graph_.operator_count) return Progress::kMore;
  }
  next_operator_ = 0;
  return Progress::kFinished;
}

Status Interpreter::reset() {
  if (!prepared()) return Error::kNotPrepared;
  next_operator_ = 0;
  for (uint32_t i = 0; i < graph_.tensor_count; ++i) {
    const uint32_t offset = tensor_offsets(arena_)[i];
    const Tensor tensor = graph_.tensor(i, nullptr);
    const bool used = offset != 0;
    if (used && tensor.variable()) memset(arena_ + offset, initial_byte(tensor), tensor.bytes());
  }
  return Status();
}

void Interpreter::release() {
  graph_.model = nullptr;
  next_operator_ = 0;
}

IoTensor Interpreter::tensor(Io which, uint32_t index) const {
  IoTensor io;
  if (!prepared()) return io;
  const Numbers indices = which == Io::kInput ? graph_.inputs() : graph_.outputs();
  if (index >= indices.size()) return io;
  const uint32_t tensor_index = static_cast<uint32_t>(indices[index]);
  const Tensor tensor = graph_.tensor(tensor_index, arena_ + tensor_offsets(arena_)[tensor_index]);
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
