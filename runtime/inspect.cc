#include "runtime/inspect.h"

#include "runtime/model_view.h"
#include "runtime/survey.h"

namespace roost {
namespace runtime {
namespace {

const char* text_of(const flatbuffers::String* string) {
  return string ? string->c_str() : nullptr;
}

class Walk {
 public:
  Walk(Bytes file, const GateInput& input, MutableBytes scratch, InspectVisitor& visitor, Inspection* result)
      : file_(file),
        model_(tflite::GetModel(file.data())),
        input_(input),
        scratch_(scratch),
        visitor_(visitor),
        result_(result) {}

  void run() {
    result_->subgraphs = size_of(model_->subgraphs());
    result_->description = text_of(model_->description());
    for (uint32_t i = 0; i < size_of(model_->buffers()); ++i) {
      result_->weight_bytes += size_of(model_->buffers()->Get(i)->data());
    }
    for (uint32_t i = 0; i < result_->subgraphs; ++i) walk_graph(i);
  }

 private:
  bool accepted() const { return result_->report.ok(); }

  void walk_graph(uint32_t graph_index) {
    const Graph graph(file_, graph_index);
    if (graph_index == 0) {
      result_->inputs = graph.inputs();
      result_->outputs = graph.outputs();
    }
    for (uint32_t i = 0; i < graph.operator_count; ++i) walk_operator(graph_index, graph, i);
    if (!accepted()) return;
    Judgement judgement = {};
    Report report;
    GraphSurvey survey(graph, input_.kernels, scratch_, &judgement, &report);
    if (survey.run(MutableBytes()) != Error::kNone) return;
    walk_planned(graph_index, judgement.persistent_bytes, graph, survey);
    walk_others(graph_index, graph, survey);
  }

  void walk_operator(uint32_t graph_index, const Graph& graph, uint32_t index) {
    const tflite::Operator* op = graph.op(index);
    if (op->opcode_index() >= size_of(model_->operator_codes())) return;
    const tflite::OperatorCode* code = model_->operator_codes()->Get(op->opcode_index());
    InspectedOperator line;
    line.subgraph = graph_index;
    line.index = index;
    line.op = builtin_operator(code);
    line.custom_name = text_of(code->custom_code());
    line.version = code->version();
    line.inputs = numbers_of(op, tflite::Operator::VT_INPUTS);
    line.outputs = numbers_of(op, tflite::Operator::VT_OUTPUTS);
    for (const Kernel* kernel : input_.kernels) line.supported = line.supported || kernel->op == line.op;
    if (accepted()) line.needs = needs_of(graph, index, code);
    visitor_.on_operator(line);
  }

  // Of an operator that the gate has accepted.
  Needs needs_of(const Graph& graph, uint32_t index, const tflite::OperatorCode* code) const {
    const MutableBytes nothing;
    uint32_t end = 0;
    Preparation preparation(graph, index, nothing, &end);
    const Kernel* const* kernel =
        find_kernel(input_.kernels, builtin_operator(code), type_bit(preparation.in.type()));
    const bool sound = kernel && preparation.judge(**kernel, code->version()) == Error::kNone;
    return sound ? preparation.needs : Needs();
  }

  void walk_planned(uint32_t graph_index, uint32_t planned_offset, const Graph& graph, const GraphSurvey& survey) {
    for (const PlanEntry& entry : survey.plan()) {
      InspectedTensor line;
      const bool scratch = entry.owner >= graph.tensor_count;
      if (!scratch) line = describe_tensor(graph, entry.owner);
      line.kind = scratch ? InspectedTensor::kScratch : InspectedTensor::kPlanned;
      line.subgraph = graph_index;
      line.bytes = entry.size;
      line.offset = planned_offset + entry.offset;
      line.written = entry.first - kStartTime - 1;
      line.read = entry.last - kStartTime - 1;
      visitor_.on_tensor(line);
    }
  }

  void walk_others(uint32_t graph_index, const Graph& graph, const GraphSurvey& survey) {
    for (uint32_t i = 0; i < graph.tensor_count; ++i) {
      if (!survey.is_used_variable(i) && !survey.is_used_constant(i)) continue;
      InspectedTensor line = describe_tensor(graph, i);
      line.kind = survey.is_used_constant(i) ? InspectedTensor::kConstant : InspectedTensor::kVariable;
      line.subgraph = graph_index;
      visitor_.on_tensor(line);
    }
  }

  InspectedTensor describe_tensor(const Graph& graph, uint32_t index) const {
    const tflite::Tensor* table = graph.table(index);
    const Tensor tensor(model_, table, nullptr);
    InspectedTensor line;
    line.index = index;
    if (table->name()) line.name = table->name()->c_str();
    line.type = tensor.type();
    line.shape = tensor.shape();
    line.bytes = tensor.bytes();
    line.scale_count = tensor.scale_count();
    if (line.scale_count > 0) {
      line.scale = tensor.scale();
      line.zero_point = tensor.zero_point();
    }
    return line;
  }

  Bytes file_;
  const tflite::Model* model_;
  const GateInput& input_;
  MutableBytes scratch_;
  InspectVisitor& visitor_;
  Inspection* result_;
};

}  // namespace

Inspection inspect(Bytes model, const GateInput& input, MutableBytes scratch, InspectVisitor& visitor) {
  Inspection result;
  ModelGate(input).judge(model, scratch, &result.judgement, &result.report);
  if (verify_file(model, input.limits) == Error::kNone) Walk(model, input, scratch, visitor, &result).run();
  return result;
}

}  // namespace runtime
}  // namespace roost
