#include "device/ports/tflm/tflm_engine.h"

#include "runtime/model_view.h"
#include "runtime/tensor.h"

namespace roost {
namespace tflm {
namespace {

using runtime::Error;
using runtime::Graph;
using runtime::Judgement;
using runtime::Progress;
using runtime::size_of;
namespace schema = runtime::tflite;  // `tflite` alone is TFLM's

Graph main_graph(Bytes model) {
  return Graph(model, runtime::kMainGraph);
}

// For how many channels TFLM keeps a multiplier and a shift: of a quantised convolution whether its scales are per
// channel or not.
uint32_t channels(const Graph& graph, const schema::Operator* op) {
  const schema::BuiltinOperator code = runtime::builtin_operator(runtime::code_of(graph.model, op));
  const bool depthwise = code == schema::BuiltinOperator::DEPTHWISE_CONV_2D;
  const bool fully_connected = code == schema::BuiltinOperator::FULLY_CONNECTED;
  if (!depthwise && !fully_connected && code != schema::BuiltinOperator::CONV_2D) return 0;
  const runtime::Tensor filter = graph.tensor(static_cast<uint32_t>(op->inputs()->Get(1)), nullptr);
  if (filter.type() == schema::TensorType::FLOAT32) return 0;
  if (fully_connected) return filter.per_tensor() ? 0 : filter.scale_count();
  return static_cast<uint32_t>(filter.dim(depthwise ? filter.rank() - 1 : 0));
}

// Only of models that have passed the gate. Its plan is the measure for the tensors: TFLM plans by the same rule.
ModelSize size_up(Bytes model, const Judgement& judgement) {
  ModelSize size = {};
  size.subgraphs = runtime::graph_count(schema::GetModel(model.data()));
  size.tensors = judgement.tensors;
  size.operators = judgement.operators;
  size.inputs_and_outputs = main_graph(model).inputs().size() + main_graph(model).outputs().size();
  for (uint32_t g = 0; g < size.subgraphs; ++g) {
    const Graph graph(model, g);
    for (uint32_t i = 0; i < graph.operator_count; ++i) size.channels += channels(graph, graph.op(i));
  }
  size.tensor_bytes = judgement.arena_bytes - judgement.persistent_bytes + judgement.variable_bytes;
  return size;
}

}  // namespace

Error TflmEngine::fail(Error error) {
  report_ = runtime::Report();
  report_.error = error;
  return error;
}

runtime::Status TflmEngine::judge(const Bytes& model, const MutableBytes& scratch, Judgement* judgement) {
  runtime::GateInput unlimited = gate_;
  unlimited.limits.arena_bytes = UINT32_MAX;  // of our own plan; TFLM's is judged below
  if (!runtime::ModelGate(unlimited).judge(model, scratch, judgement, &report_)) return report_.error;
  if (!sound(model.data(), model.size())) return fail(Error::kMalformed);
  if (!all_resolve(model)) return report_.error;
  const uint64_t bound = uint64_t{arena_bound(size_up(model, *judgement))} + extra_arena_bytes_;
  if (bound > gate_.limits.arena_bytes || bound > UINT32_MAX - runtime::kArenaAlignment) {
    return fail(Error::kArenaTooSmall);
  }
  const uint32_t arena_bytes = (static_cast<uint32_t>(bound) + runtime::kArenaAlignment - 1) /
                               runtime::kArenaAlignment * runtime::kArenaAlignment;
  judgement->persistent_bytes += arena_bytes - judgement->arena_bytes;
  judgement->arena_bytes = arena_bytes;
  judgement->longest_work = judgement->work;
  return {};
}

bool TflmEngine::all_resolve(Bytes model) {
  const schema::Model* const file = schema::GetModel(model.data());
  for (uint32_t g = 0; g < file->subgraphs()->size(); ++g) {
    const auto* operators = file->subgraphs()->Get(g)->operators();
    for (uint32_t i = 0; i < size_of(operators); ++i) {
      const auto* code = file->operator_codes()->Get(operators->Get(i)->opcode_index());
      const schema::BuiltinOperator op = runtime::builtin_operator(code);
      if (resolves(resolver_, static_cast<int32_t>(op))) continue;
      (void)fail(Error::kOperatorMissing);
      report_.subgraph = static_cast<int32_t>(g);
      report_.op_index = static_cast<int32_t>(i);
      report_.op = op;
      report_.op_version = code->version();
      return false;
    }
  }
  return true;
}

runtime::Status TflmEngine::prepare(const Bytes& model, const MutableBytes& arena, const MutableBytes& scratch) {
  ROOST_ASSERT(reinterpret_cast<uintptr_t>(arena.data()) % runtime::kArenaAlignment == 0);
  release();
  Judgement judgement;
  const runtime::Status judged = judge(model, scratch, &judgement);
  if (!judged.ok()) return judged.error();
  if (judgement.arena_bytes > arena.size()) return fail(Error::kArenaTooSmall);
  session_ = open(model.data(), resolver_, arena.data(), judgement.arena_bytes);
  if (!session_) return fail(Error::kEngineRefused);
  model_ = model;
  work_ = judgement.work;
  if (all_placed()) return {};
  release();
  return fail(Error::kEngineRefused);
}

// TFLM's tensors are where the application will write and read: as many bytes as the gate has vouched for.
bool TflmEngine::all_placed() {
  const Graph graph = main_graph(model_);
  return input_count() == graph.inputs().size() && output_count() == graph.outputs().size();
}

runtime::Result<Progress> TflmEngine::step() {
  if (!session_) return Error::kNotPrepared;
  if (!tflm::invoke(session_)) return fail(Error::kInvokeFailed);
  return Progress::kFinished;
}

runtime::Status TflmEngine::reset() {
  if (!session_) return Error::kNotPrepared;
  return tflm::reset(session_) ? Error::kNone : fail(Error::kInvokeFailed);
}

void TflmEngine::release() {
  if (session_) close(session_);
  session_ = nullptr;
  model_ = Bytes();
  work_ = 0;
}

namespace {

// What the file says of the tensor, and where TFLM has put it.
runtime::IoTensor io_tensor(Bytes model, int32_t tensor_index, Placed place) {
  const runtime::Tensor tensor = main_graph(model).tensor(static_cast<uint32_t>(tensor_index), place.data);
  runtime::IoTensor io;
  io.type = tensor.type();
  io.shape = tensor.shape();
  if (place.data && place.size_bytes == tensor.bytes()) io.bytes = MutableBytes(place.data, place.size_bytes);
  if (tensor.per_tensor()) {
    io.scale = tensor.scale();
    io.zero_point = tensor.zero_point();
  }
  return io;
}

}  // namespace

runtime::IoTensor TflmEngine::tensor(runtime::Io which, uint32_t index) const {
  if (!session_) return runtime::IoTensor();
  const bool is_input = which == runtime::Io::kInput;
  const Graph graph = main_graph(model_);
  const runtime::Numbers indices = is_input ? graph.inputs() : graph.outputs();
  if (index >= indices.size()) return runtime::IoTensor();
  return io_tensor(model_, indices[index], is_input ? tflm::input(session_, index) : tflm::output(session_, index));
}

}  // namespace tflm
}  // namespace roost
