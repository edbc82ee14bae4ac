#include "runtime/gate.h"

#include <string.h>

#include "base/flatbuffer_check.h"
#include "runtime/arena_layout.h"
#include "runtime/model_view.h"
#include "runtime/survey.h"

namespace roost {
namespace runtime {
namespace {

enum : uint32_t { kSchemaVersion = 3, kIdentifierOffset = 4, kFileBytesMin = 8, kFileBytesMax = kFlatFileBytesMax };

// The tables of schema.fbs, field by field.
enum Row : unsigned { kModel, kOperatorCode, kSubGraph, kTensor, kQuantization, kOperator, kBuffer, kOpaque };
const uint8_t kModelFields[] = {
    flat_scalar(4),              // version
    flat_tables(kOperatorCode),  // operator_codes
    flat_tables(kSubGraph),      // subgraphs
    flat_text(),                 // description
    flat_tables(kBuffer),        // buffers
};
const uint8_t kOperatorCodeFields[] = {
    flat_scalar(1),  // deprecated_builtin_code
    flat_text(),     // custom_code
    flat_scalar(4),  // version
    flat_scalar(4),  // builtin_code
};
const uint8_t kSubGraphFields[] = {
    flat_tables(kTensor),    // tensors
    flat_vector(4),          // inputs
    flat_vector(4),          // outputs
    flat_tables(kOperator),  // operators
    flat_text(),             // name
};
const uint8_t kTensorFields[] = {
    flat_vector(4),             // shape
    flat_scalar(1),             // type
    flat_scalar(4),             // buffer
    flat_text(),                // name
    flat_table(kQuantization),  // quantization
    flat_scalar(1),             // is_variable
    flat_table(kOpaque),        // sparsity
    kFlatIgnored,               // shape_signature
    kFlatIgnored,               // has_rank
    kFlatIgnored,               // variant_tensors
    flat_scalar(4),             // external_buffer
};
const uint8_t kQuantizationFields[] = {
    kFlatIgnored,         // min
    kFlatIgnored,         // max
    flat_vector(4),       // scale
    flat_vector(8),       // zero_point
    flat_scalar(1),       // details_type
    flat_table(kOpaque),  // details
    flat_scalar(4),       // quantized_dimension
};
const uint8_t kOperatorFields[] = {
    flat_scalar(4),       // opcode_index
    flat_vector(4),       // inputs
    flat_vector(4),       // outputs
    flat_scalar(1),       // builtin_options_type
    flat_table(kOpaque),  // builtin_options: checked again as what the type says by OperatorView::options
    kFlatIgnored,         // custom_options
    kFlatIgnored,         // custom_options_format
    kFlatIgnored,         // mutating_variable_inputs
    flat_vector(4),       // intermediates
};
const uint8_t kBufferFields[] = {
    flat_vector(1),  // data
    flat_scalar(8),  // offset
    flat_scalar(8),  // size
};
const FlatTable kSchema[] = {FlatTable(kModelFields),        FlatTable(kOperatorCodeFields),
                             FlatTable(kSubGraphFields),     FlatTable(kTensorFields),
                             FlatTable(kQuantizationFields), FlatTable(kOperatorFields),
                             FlatTable(kBufferFields),       FlatTable()};

Error check_counts(const tflite::Model* model, const GateLimits& limits) {
  const auto* graphs = model->subgraphs();
  if (size_of(graphs) == 0) return Error::kNoSubgraph;
  if (size_of(graphs) > limits.subgraphs) return Error::kTooComplex;
  if (size_of(model->buffers()) > limits.buffers) return Error::kTooComplex;
  uint32_t tensors_left = limits.tensors;
  uint32_t operators_left = limits.operators;
  for (uint32_t i = 0; i < graphs->size(); ++i) {
    const tflite::SubGraph* graph = graphs->Get(i);
    const uint32_t tensors = size_of(graph->tensors());
    const uint32_t operators = size_of(graph->operators());
    if (tensors > tensors_left || operators > operators_left) return Error::kTooComplex;
    tensors_left -= tensors;
    operators_left -= operators;
  }
  return Error::kNone;
}

bool has_any_kernel(KernelList kernels, BuiltinOperator op) {
  for (const Kernel* kernel : kernels) {
    if (kernel->op == op) return true;
  }
  return false;
}

void keep_name(const flatbuffers::String* name, Report* where) {
  const uint32_t room = sizeof where->custom_name - 1;
  for (uint32_t i = 0; name && i < name->size() && i < room; ++i) {
    where->custom_name[i] = static_cast<char>(name->Data()[i]);
  }
}

Error check_operator_code(const tflite::Model* model, const tflite::Operator* op, KernelList kernels,
                          Report* where) {
  const auto* codes = model->operator_codes();
  const uint32_t index = op->opcode_index();
  if (index >= size_of(codes)) return Error::kOperatorCode;
  const tflite::OperatorCode* code = codes->Get(index);
  where->op = builtin_operator(code);
  where->op_version = code->version();
  if (where->op == BuiltinOperator::CUSTOM) {
    keep_name(code->custom_code(), where);
    return Error::kOperatorCustom;
  }
  return has_any_kernel(kernels, where->op) ? Error::kNone : Error::kOperatorMissing;
}

// First of all, since "this firmware has no such operator" is the answer that people can act on.
Error check_operator_codes(const tflite::Model* model, KernelList kernels, Report* where) {
  const auto* graphs = model->subgraphs();
  for (uint32_t g = 0; g < graphs->size(); ++g) {
    const auto* operators = graphs->Get(g)->operators();
    for (uint32_t i = 0; i < size_of(operators); ++i) {
      where->subgraph = static_cast<int32_t>(g);
      where->op_index = static_cast<int32_t>(i);
      const Error error = check_operator_code(model, operators->Get(i), kernels, where);
      if (error != Error::kNone) return error;
    }
  }
  where->restart();
  return Error::kNone;
}

bool fulfils(const Tensor& tensor, const TensorSpec& spec) {
  const Span<const int32_t> shape = tensor.shape();
  if (tensor.type() != spec.type || shape.size() != spec.shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (spec.shape[i] != kAnyDimension && spec.shape[i] != shape[i]) return false;
  }
  if (spec.any_quantisation) return true;
  return tensor.per_tensor() && tensor.scale() == spec.scale && tensor.zero_point() == spec.zero_point;
}

bool all_fulfil(const tflite::SubGraph* graph, const flatbuffers::Vector<int32_t>* indices,
                Span<const TensorSpec> specs, Report* where) {
  if (size_of(indices) != specs.size()) return false;
  for (uint32_t i = 0; i < specs.size(); ++i) {
    where->tensor = static_cast<int32_t>(i);
    const tflite::Tensor* tensor = graph->tensors()->Get(static_cast<uint32_t>(indices->Get(i)));
    if (!fulfils(Tensor(tensor, nullptr, false), specs[i])) return false;
  }
  where->tensor = -1;
  return true;
}

Error check_contract(const tflite::SubGraph* graph, const IoContract& io, Report* where) {
  if (!io.declared) return Error::kNone;
  if (!all_fulfil(graph, graph->inputs(), io.inputs, where)) return Error::kInputMismatch;
  if (!all_fulfil(graph, graph->outputs(), io.outputs, where)) return Error::kOutputMismatch;
  return Error::kNone;
}

// Adds what one subgraph needs. Its planned part overlays those of the others: no kernel of ours enters another
// subgraph, so only one of them is under way at a time.
void add(const GraphSurvey& survey, ArenaLayout* layout, Judgement* judgement) {
  layout->add_graph(survey.data_bytes(), survey.variable_bytes(), survey.planned_bytes());
  judgement->macs += survey.macs();
  judgement->work = saturating_add(judgement->work, survey.work());
  if (survey.longest_work() > judgement->longest_work) judgement->longest_work = survey.longest_work();
}

}  // namespace

Error verify_file(Bytes file, const GateLimits& limits) {
  if (reinterpret_cast<uintptr_t>(file.data()) % kModelAlignment != 0) return Error::kMisalignedModel;
  if (file.size() < kFileBytesMin ||
      memcmp(file.data() + kIdentifierOffset, tflite::ModelIdentifier(), flatbuffers::kFileIdentifierLength) != 0) {
    return Error::kNotAModel;
  }
  if (file.size() > kFileBytesMax) return Error::kTooComplex;
  // A tensor is two tables, an operator two with its options; codes are at most as many as operators.
  const uint32_t tables = 8 + limits.subgraphs + 3 * limits.tensors + 3 * limits.operators + limits.buffers;
  return FlatCheck(file, kSchema, tables).check_root() ? Error::kNone : Error::kMalformed;
}

bool ModelGate::judge(Bytes file, MutableBytes scratch, Judgement* judgement, Report* report) const {
  *judgement = Judgement();
  report->restart(verify_file(file, input_.limits));
  if (!report->ok()) return false;
  const tflite::Model* model = tflite::GetModel(file.data());
  report->error = check_counts(model, input_.limits);
  if (!report->ok()) return false;
  report->error = check_operator_codes(model, input_.kernels, report);
  if (!report->ok()) return false;
  if (model->version() != kSchemaVersion) report->error = Error::kSchemaVersion;
  if (!report->ok()) return false;

  ArenaLayout layout(model);
  const auto* graphs = model->subgraphs();
  for (uint32_t i = 0; i < graphs->size(); ++i) {
    GraphSurvey survey(file, i, input_.kernels, scratch);
    if (!survey.run(report)) return false;
    add(survey, &layout, judgement);
    judgement->operators += survey.operator_count();
    judgement->tensors += survey.tensor_count();
  }
  report->restart();
  report->error = check_contract(graphs->Get(0), input_.io, report);
  if (!report->ok()) return false;
  if (judgement->work > input_.limits.work) report->error = Error::kTooMuchWork;
  judgement->arena_bytes = layout.total_bytes();
  if (judgement->arena_bytes > input_.limits.arena_bytes) report->error = Error::kArenaTooSmall;
  if (judgement->arena_bytes > kPlanBytesMax) report->error = Error::kTensorTooLarge;
  judgement->persistent_bytes = layout.persistent_bytes();
  judgement->variable_bytes = layout.variable_bytes();
  return report->ok();
}

}  // namespace runtime
}  // namespace roost
