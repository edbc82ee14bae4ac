#include "runtime/gate.h"

#include <string.h>

#include "base/flatbuffer_check.h"
#include "runtime/arena_layout.h"
#include "runtime/model_view.h"
#include "runtime/survey.h"

namespace roost {
namespace runtime {
namespace {

constexpr int32_t kSchemaVersion = 3;
enum : uint32_t { kIdentifierOffset = 4, kFileBytesMin = 8, kFileBytesMax = kFlatFileBytesMax };

// The tables of schema.fbs, field by field.
enum Row : unsigned { kModel, kOperatorCode, kSubGraph, kTensor, kQuantization, kOperator, kBuffer, kOpaque };
const uint8_t kModelFields[] = {
    flat_scalar(4),              // version
    flat_tables(kOperatorCode),  // operator_codes
    flat_tables(kSubGraph),      // subgraphs
    flat_text(),                 // description
    flat_tables(kBuffer),        // buffers
    kFlatEnd,
};
const uint8_t kOperatorCodeFields[] = {
    flat_scalar(1),  // deprecated_builtin_code
    flat_text(),     // custom_code
    flat_scalar(4),  // version
    flat_scalar(4),  // builtin_code
    kFlatEnd,
};
const uint8_t kSubGraphFields[] = {
    flat_tables(kTensor),    // tensors
    flat_vector(4),          // inputs
    flat_vector(4),          // outputs
    flat_tables(kOperator),  // operators
    flat_text(),             // name
    kFlatEnd,
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
    kFlatEnd,
};
const uint8_t kQuantizationFields[] = {
    kFlatIgnored,         // min
    kFlatIgnored,         // max
    flat_vector(4),       // scale
    flat_vector(8),       // zero_point
    flat_scalar(1),       // details_type
    flat_table(kOpaque),  // details
    flat_scalar(4),       // quantized_dimension
    kFlatEnd,
};
const uint8_t kOperatorFields[] = {
    flat_scalar(4),       // opcode_index
    flat_vector(4),       // inputs
    flat_vector(4),       // outputs
    flat_scalar(1),       // builtin_options_type
    flat_table(kOpaque),  // builtin_options: checked again as what the type says by Preparation
    kFlatIgnored,         // custom_options
    kFlatIgnored,         // custom_options_format
    kFlatIgnored,         // mutating_variable_inputs
    flat_vector(4),       // intermediates
    kFlatEnd,
};
const uint8_t kBufferFields[] = {
    flat_vector(1),  // data
    flat_scalar(8),  // offset
    flat_scalar(8),  // size
    kFlatEnd,
};
const uint8_t kOpaqueFields[] = {kFlatEnd};
const FlatTable kSchema[] = {kModelFields,        kOperatorCodeFields, kSubGraphFields, kTensorFields,
                             kQuantizationFields, kOperatorFields,     kBufferFields,   kOpaqueFields};

void keep_name(const tflite::OperatorCode* code, Report* where) {
  const uint32_t* const size = vector_at(code, tflite::OperatorCode::VT_CUSTOM_CODE);
  const uint32_t room = sizeof where->custom_name - 1;
  const uint32_t length = *size < room ? *size : room;
  memcpy(where->custom_name, size + 1, length);
  where->custom_name[length] = 0;
}

Error check_operator_code(const tflite::Model* model, const tflite::Operator* op, const KernelList& kernels,
                          Report* where) {
  const tflite::OperatorCode* const code = code_of(model, op);
  if (!code) return Error::kOperatorCode;
  where->set_operator(code);
  if (where->op == BuiltinOperator::CUSTOM) {
    keep_name(code, where);
    return Error::kOperatorCustom;
  }
  return find_kernel(kernels, where->op, kAnyType) ? Error::kNone : Error::kOperatorMissing;
}

// That a subgraph has no more of anything than the limits allow, and kernels for all operators.
Error check_outline(const Graph& graph, const GateInput& input, Judgement* judgement, Report* where) {
  if (graph.tensor_count > input.limits.tensors - judgement->tensors ||
      graph.operator_count > input.limits.operators - judgement->operators) {
    return Error::kTooComplex;
  }
  judgement->tensors += graph.tensor_count;
  judgement->operators += graph.operator_count;
  for (uint32_t i = 0; i < graph.operator_count; ++i) {
    where->op_index = static_cast<int32_t>(i);
    ROOST_RETURN_IF_ERROR(check_operator_code(graph.model, graph.op(i), input.kernels, where));
  }
  return Error::kNone;
}

bool fulfils(const Tensor& tensor, const TensorSpec& spec) {
  const Numbers shape = tensor.shape();
  if (tensor.type() != spec.type || shape.size() != spec.shape.size()) return false;
  const int32_t* wanted = spec.shape.begin();
  for (int32_t dim : shape) {
    if (*wanted != kAnyDimension && *wanted != dim) return false;
    ++wanted;
  }
  if (spec.any_quantisation) return true;
  return tensor.per_tensor() && tensor.scale() == spec.scale && tensor.zero_point() == spec.zero_point;
}

Error check_contract(const Graph& graph, Numbers indices, const Span<const TensorSpec>& specs, Error mismatch,
                     Report* where) {
  if (indices.size() != specs.size()) return mismatch;
  const int32_t* index = indices.begin();
  for (const TensorSpec& spec : specs) {
    ++where->tensor;
    if (!fulfils(graph.tensor(static_cast<uint32_t>(*index++), nullptr), spec)) return mismatch;
  }
  where->tensor = -1;
  return Error::kNone;
}

Error judge_model(const Bytes& file, const GateInput& input, const MutableBytes& scratch, const MutableBytes& arena,
                  Judgement* judgement, Report* where) {
  ROOST_RETURN_IF_ERROR(verify_file(file, input.limits));
  const tflite::Model* model = tflite::GetModel(file.data());
  const uint32_t graphs = graph_count(model);
  if (graphs == 0) return Error::kNoSubgraph;
  if (graphs > input.limits.subgraphs || *vector_at(model, tflite::Model::VT_BUFFERS) > input.limits.buffers) {
    return Error::kTooComplex;
  }
  // First of all, since "this firmware has no such operator" is the answer that people can act on.
  for (uint32_t i = 0; i < graphs; ++i) {
    where->subgraph = static_cast<int32_t>(i);
    ROOST_RETURN_IF_ERROR(check_outline(Graph(file, i), input, judgement, where));
    where->restart();
  }
  if (int32_of(model, tflite::Model::VT_VERSION) != kSchemaVersion) return Error::kSchemaVersion;
  for (uint32_t i = 0; i < graphs; ++i) {
    const Graph graph(file, i);
    GraphSurvey survey(graph, input.kernels, scratch, judgement, where);
    where->subgraph = static_cast<int32_t>(i);
    ROOST_RETURN_IF_ERROR(survey.run(MutableBytes(arena.data(), i == kMainGraph ? arena.size() : 0)));
    where->restart();
    if (i == kMainGraph && input.io.declared) {
      ROOST_RETURN_IF_ERROR(check_contract(graph, graph.inputs(), input.io.inputs, Error::kInputMismatch, where));
      ROOST_RETURN_IF_ERROR(
          check_contract(graph, graph.outputs(), input.io.outputs, Error::kOutputMismatch, where));
    }
  }
  if (judgement->arena_bytes > kPlanBytesMax - judgement->persistent_bytes) return Error::kTensorTooLarge;
  judgement->arena_bytes += judgement->persistent_bytes;
  if (judgement->arena_bytes > input.limits.arena_bytes) return Error::kArenaTooSmall;
  return judgement->work > input.limits.work ? Error::kTooMuchWork : Error::kNone;
}

}  // namespace

Error verify_file(const Bytes& file, const GateLimits& limits) {
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

bool ModelGate::judge(const Bytes& file, const MutableBytes& scratch, Judgement* judgement, Report* report,
                      const MutableBytes& arena) const {
  *judgement = Judgement();
  report->restart();
  report->error = judge_model(file, input_, scratch, arena, judgement, report);
  return report->ok();
}

}  // namespace runtime
}  // namespace roost
