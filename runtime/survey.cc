#include "runtime/survey.h"

#include "runtime/model_view.h"
#include "runtime/tensor_check.h"

namespace roost {
namespace runtime {
uint64_t saturating_add(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

GraphSurvey::GraphSurvey(Bytes file, uint32_t graph_index, KernelList kernels, MutableBytes scratch)
    : file_(file),
      model_(tflite::GetModel(file.data())),
      graph_(model_->subgraphs()->Get(graph_index)),
      kernels_(kernels),
      scratch_(scratch) {
  where_.subgraph = static_cast<int32_t>(graph_index);
}

bool GraphSurvey::run(Report* report) {
  Error error = lend_lives() ? Error::kNone : Error::kTooComplex;
  if (error == Error::kNone) error = survey_inputs();
  if (error == Error::kNone) error = survey_operators();
  if (error == Error::kNone) error = survey_outputs();
  if (error == Error::kNone) error = plan_arena();
  where_.error = error;
  *report = where_;
  return error == Error::kNone;
}

bool GraphSurvey::lend_lives() {
  const size_t skip = (alignof(PlanEntry) - reinterpret_cast<uintptr_t>(scratch_.data())) % alignof(PlanEntry);
  const size_t lives_bytes = tensor_count() * sizeof(Life);
  if (operator_count() >= kTimeMax || scratch_.size() < skip + lives_bytes) return false;
  const MutableBytes room = scratch_.from(skip);
  lives_ = reinterpret_cast<Life*>(room.data());
  entries_ = reinterpret_cast<PlanEntry*>(room.data() + lives_bytes);
  for (Life* life = lives_; life != reinterpret_cast<Life*>(entries_); ++life) *life = Life{kUnseen, 0};
  const size_t entries = (room.size() - lives_bytes) / sizeof(PlanEntry);
  entry_room_ = entries < kTimeMax ? static_cast<uint32_t>(entries) : uint32_t{kTimeMax};
  return true;
}

bool GraphSurvey::add_entry(uint32_t size, uint16_t first, uint16_t last, uint16_t tensor) {
  if (entry_count_ == entry_room_) return false;
  entries_[entry_count_++] = PlanEntry{size, 0, first, last, tensor, 0};
  return true;
}

// Every tensor that is used goes through here first.
Error GraphSurvey::see(int32_t index) {
  where_.tensor = index;
  if (index < 0 || static_cast<uint32_t>(index) >= tensor_count()) return Error::kTensorIndex;
  if (lives_[index].first != kUnseen) return Error::kNone;
  const Error error = check_tensor(model_, tensor(index));
  if (error != Error::kNone) return error;
  if (constant_data(model_, tensor(index))) {
    lives_[index].first = kConstant;
  } else if (tensor(index)->is_variable()) {
    lives_[index].first = kVariable;
    const uint32_t bytes = align_up(Tensor(tensor(index), nullptr, false).bytes(), kArenaAlignment);
    variable_bytes_ = add_capped(variable_bytes_, bytes);
  } else {
    lives_[index].first = kNotWritten;
  }
  return Error::kNone;
}

Error GraphSurvey::write_input(int32_t index) {
  const Error error = see(index);
  if (error != Error::kNone) return error;
  Life& life = lives_[index];
  if (life.first == kConstant) return Error::kConstantWritten;
  if (life.first == kVariable) return Error::kVariableTensor;
  if (life.first != kNotWritten) return Error::kWrittenTwice;
  life = Life{0, 0};
  return Error::kNone;
}

Error GraphSurvey::read(int32_t index, uint16_t time, bool by_operator) {
  const Error error = see(index);
  if (error != Error::kNone) return error;
  Life& life = lives_[index];
  if (life.first == kConstant) return Error::kNone;
  if (life.first == kVariable) {
    // One user only: nobody else may see a variable half updated.
    if (!by_operator || life.last != 0) return Error::kVariableTensor;
    life.last = time;
    return Error::kNone;
  }
  if (life.first == kNotWritten) return by_operator ? Error::kReadBeforeWritten : Error::kOutputNotWritten;
  life.last = time;
  return Error::kNone;
}

Error GraphSurvey::write(int32_t index, uint16_t time) {
  const Error error = see(index);
  if (error != Error::kNone) return error;
  Life& life = lives_[index];
  if (life.first == kConstant) return Error::kConstantWritten;
  if (life.first == kVariable) return Error::kVariableTensor;
  if (life.first == 0) return Error::kInputWritten;
  if (life.first != kNotWritten) return Error::kWrittenTwice;
  life = Life{time, time};
  return Error::kNone;
}

Error GraphSurvey::survey_inputs() {
  const flatbuffers::Vector<int32_t>* inputs = graph_->inputs();
  for (uint32_t i = 0; i < size_of(inputs); ++i) {
    const Error error = write_input(inputs->Get(i));
    if (error != Error::kNone) return error;
  }
  return Error::kNone;
}

Error GraphSurvey::survey_operators() {
  const auto* operators = graph_->operators();
  for (uint32_t i = 0; i < size_of(operators); ++i) {
    const tflite::Operator* op = operators->Get(i);
    const tflite::OperatorCode* code = model_->operator_codes()->Get(op->opcode_index());
    where_.op_index = static_cast<int32_t>(i);
    where_.op = builtin_operator(code);
    where_.op_version = code->version();
    const Error error = survey_operator(op, static_cast<uint16_t>(i + 1));
    if (error != Error::kNone) return error;
  }
  where_.op_index = -1;
  where_.tensor = -1;
  return Error::kNone;
}

Error GraphSurvey::survey_operator(const tflite::Operator* op, uint16_t time) {
  const flatbuffers::Vector<int32_t>* inputs = op->inputs();
  for (uint32_t i = 0; i < size_of(inputs); ++i) {
    if (inputs->Get(i) == -1) continue;
    const Error error = read(inputs->Get(i), time, true);
    if (error != Error::kNone) return error;
  }
  const flatbuffers::Vector<int32_t>* outputs = op->outputs();
  for (uint32_t i = 0; i < size_of(outputs); ++i) {
    const Error error = write(outputs->Get(i), time);
    if (error != Error::kNone) return error;
  }
  where_.tensor = -1;
  return judge_operator(op, time);
}

Error GraphSurvey::judge_operator(const tflite::Operator* op, uint16_t time) {
  const OperatorView view(file_, graph_, op, TensorPlaces{nullptr, nullptr, nullptr});
  TensorType type;
  if (!view.deciding_type(&type)) return Error::kOperatorOperands;
  const Kernel* const* place = find_kernel(kernels_, where_.op, type);
  if (!place) return Error::kOperatorType;
  const Kernel* const kernel = *place;
  if (where_.op_version < kernel->version_min || where_.op_version > kernel->version_max) {
    return Error::kOperatorVersion;
  }
  Needs needs;
  const Error error = kernel->prepare(view, needs, nullptr);
  if (error != Error::kNone) return error;
  if (needs.data_bytes > kTensorBytesMax || needs.scratch_bytes > kTensorBytesMax) return Error::kTensorTooLarge;
  data_bytes_ = add_capped(data_bytes_, align_up(needs.data_bytes, kOperatorDataAlignment));
  const uint64_t work = saturating_add(needs.macs, needs.steps);
  macs_ = saturating_add(macs_, needs.macs);
  work_ = saturating_add(work_, work);
  if (work > longest_work_) longest_work_ = work;
  if (needs.scratch_bytes == 0) return Error::kNone;
  return add_entry(needs.scratch_bytes, time, time, kScratchPlace) ? Error::kNone : Error::kTooComplex;
}

Error GraphSurvey::survey_outputs() {
  const uint16_t end = static_cast<uint16_t>(operator_count() + 1);
  const flatbuffers::Vector<int32_t>* outputs = graph_->outputs();
  for (uint32_t i = 0; i < size_of(outputs); ++i) {
    const Error error = read(outputs->Get(i), end, false);
    if (error != Error::kNone) return error;
  }
  where_.tensor = -1;
  return Error::kNone;
}

Error GraphSurvey::plan_arena() {
  for (uint32_t i = 0; i < tensor_count(); ++i) {
    const Life life = lives_[i];
    if (life.first >= kTimeMax) continue;
    const uint32_t bytes = Tensor(tensor(static_cast<int32_t>(i)), nullptr, false).bytes();
    if (!add_entry(bytes, life.first, life.last, static_cast<uint16_t>(i))) return Error::kTooComplex;
  }
  planned_bytes_ = runtime::plan(Span<PlanEntry>(entries_, entry_count_));
  return planned_bytes_ > kPlanBytesMax ? Error::kTensorTooLarge : Error::kNone;
}

}  // namespace runtime
}  // namespace roost
