#include "runtime/survey.h"

#include "runtime/model_view.h"
#include "runtime/tensor_check.h"

namespace roost {
namespace runtime {

GraphSurvey::GraphSurvey(const Graph& graph, const KernelList& kernels, const MutableBytes& scratch,
                         Judgement* judgement)
    : graph_(graph), kernels_(kernels), scratch_(scratch), judgement_(judgement) {
  judgement->tensors += graph.tensor_count;
  judgement->operators += graph.operator_count;
}

Error GraphSurvey::run(Report* report, Destination* destination) {
  where_ = report;
  ROOST_RETURN_IF_ERROR(lend_lives());
  ROOST_RETURN_IF_ERROR(survey(destination));
  return plan_arena();
}

Error GraphSurvey::lend_lives() {
  const size_t skip = (alignof(PlanEntry) - reinterpret_cast<uintptr_t>(scratch_.data())) % alignof(PlanEntry);
  const size_t lives_bytes = graph_.tensor_count * sizeof(Life);
  if (graph_.operator_count >= kTimeMax || scratch_.size() < skip + lives_bytes) return Error::kTooComplex;
  const MutableBytes room = scratch_.from(skip);
  lives_ = reinterpret_cast<Life*>(room.data());
  entries_ = reinterpret_cast<PlanEntry*>(room.data() + lives_bytes);
  for (Life* life = lives_; life != reinterpret_cast<Life*>(entries_); ++life) *life = Life{kUnseen, 0};
  const size_t entries = (room.size() - lives_bytes) / sizeof(PlanEntry);
  entry_room_ = entries < kTimeMax ? static_cast<uint32_t>(entries) : uint32_t{kTimeMax};
  return Error::kNone;
}

Error GraphSurvey::add_entry(uint32_t size, uint16_t first, uint16_t last, uint16_t tensor) {
  if (entry_count_ == entry_room_) return Error::kTooComplex;
  entries_[entry_count_++] = PlanEntry{size, 0, first, last, tensor, 0};
  return Error::kNone;
}

// Every tensor that is used goes through here first.
Error GraphSurvey::see(int32_t index) {
  where_->tensor = index;
  if (index < 0 || static_cast<uint32_t>(index) >= graph_.tensor_count) return Error::kTensorIndex;
  uint16_t& first = lives_[index].first;
  if (first != kUnseen) return Error::kNone;
  const tflite::Tensor* table = graph_.table(static_cast<uint32_t>(index));
  const Tensor tensor(graph_.model, table, nullptr);
  ROOST_RETURN_IF_ERROR(check_tensor(graph_.model, table, tensor));
  first = tensor.constant() ? kConstant : (tensor.variable() ? kVariable : kNotWritten);
  if (first == kVariable) {
    variable_bytes_ = add_capped(variable_bytes_, align_up(tensor.bytes(), kArenaAlignment));
  }
  return Error::kNone;
}

Error GraphSurvey::read(int32_t index, uint16_t time, bool by_operator) {
  ROOST_RETURN_IF_ERROR(see(index));
  Life& life = lives_[index];
  if (life.first == kConstant) return Error::kNone;
  // One user only: nobody else may see a variable half updated.
  if (life.first == kVariable && (!by_operator || life.last != 0)) return Error::kVariableTensor;
  if (life.first == kNotWritten) return by_operator ? Error::kReadBeforeWritten : Error::kOutputNotWritten;
  life.last = time;
  return Error::kNone;
}

// By an operator, or at time 0 by the application.
Error GraphSurvey::write(int32_t index, uint16_t time) {
  ROOST_RETURN_IF_ERROR(see(index));
  Life& life = lives_[index];
  if (life.first == kConstant) return Error::kConstantWritten;
  if (life.first == kVariable) return Error::kVariableTensor;
  if (life.first == 0 && time != 0) return Error::kInputWritten;
  if (life.first != kNotWritten) return Error::kWrittenTwice;
  life = Life{time, time};
  return Error::kNone;
}

Error GraphSurvey::survey(Destination* destination) {
  for (int32_t input : graph_.inputs) ROOST_RETURN_IF_ERROR(write(input, 0));
  for (uint32_t i = 0; i < graph_.operator_count; ++i) ROOST_RETURN_IF_ERROR(survey_operator(i, destination));
  where_->op_index = -1;
  const uint16_t end = static_cast<uint16_t>(graph_.operator_count + 1);
  for (int32_t output : graph_.outputs) ROOST_RETURN_IF_ERROR(read(output, end, false));
  where_->tensor = -1;
  return Error::kNone;
}

Error GraphSurvey::survey_operator(uint32_t index, Destination* destination) {
  const OperatorView view(graph_, index, TensorPlaces{nullptr, nullptr, nullptr});
  where_->op_index = static_cast<int32_t>(index);
  where_->set_operator(code_of(graph_.model, graph_.op(index)));
  const uint16_t time = static_cast<uint16_t>(index + 1);
  for (int32_t input : view.inputs()) {
    if (input != -1) ROOST_RETURN_IF_ERROR(read(input, time, true));
  }
  for (int32_t output : view.outputs()) ROOST_RETURN_IF_ERROR(write(output, time));
  where_->tensor = -1;
  return judge_operator(view, index, destination);
}

Error GraphSurvey::judge_operator(const OperatorView& view, uint32_t index, Destination* destination) {
  TensorType type;
  if (!view.deciding_type(&type)) return Error::kOperatorOperands;
  const Kernel* const* place = find_kernel(kernels_, where_->op, type_bit(type));
  if (!place) return Error::kOperatorType;
  const Kernel* const kernel = *place;
  if (where_->op_version < kernel->version_min || where_->op_version > kernel->version_max) {
    return Error::kOperatorVersion;
  }
  Needs needs;
  ROOST_RETURN_IF_ERROR(
      kernel->prepare(view, needs, destination ? destination->arena + destination->data : nullptr));
  if (needs.data_bytes > kTensorBytesMax || needs.scratch_bytes > kTensorBytesMax) return Error::kTensorTooLarge;
  const uint32_t data_bytes = align_up(needs.data_bytes, kOperatorDataAlignment);
  data_bytes_ = add_capped(data_bytes_, data_bytes);
  if (destination) {
    const uint16_t kernel_index = static_cast<uint16_t>(place - kernels_.data());
    destination->records[index] = OperatorRecord{destination->data, 0, kernel_index, 0};
    destination->data += data_bytes;
  }
  const uint64_t work = saturating_add(needs.macs, needs.steps);
  judgement_->macs = saturating_add(judgement_->macs, needs.macs);
  judgement_->work = saturating_add(judgement_->work, work);
  if (work > judgement_->longest_work) judgement_->longest_work = work;
  const uint16_t time = static_cast<uint16_t>(index + 1);
  return needs.scratch_bytes == 0 ? Error::kNone : add_entry(needs.scratch_bytes, time, time, kScratchPlace);
}

Error GraphSurvey::plan_arena() {
  for (uint32_t i = 0; i < graph_.tensor_count; ++i) {
    const Life life = lives_[i];
    if (life.first >= kTimeMax) continue;
    ROOST_RETURN_IF_ERROR(
        add_entry(graph_.tensor(i, nullptr).bytes(), life.first, life.last, static_cast<uint16_t>(i)));
  }
  planned_bytes_ = runtime::plan(Span<PlanEntry>(entries_, entry_count_));
  return planned_bytes_ > kPlanBytesMax ? Error::kTensorTooLarge : Error::kNone;
}

}  // namespace runtime
}  // namespace roost
