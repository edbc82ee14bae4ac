#include "runtime/survey.h"

#include "runtime/model_view.h"
#include "runtime/tensor_check.h"

namespace roost {
namespace runtime {

// Inline are those that are called in one place.

Error GraphSurvey::run(const MutableBytes& arena) {
  ROOST_RETURN_IF_ERROR(lend_lives());
  ROOST_RETURN_IF_ERROR(extend(tables_bytes(graph_)));
  if (judgement_->persistent_bytes <= arena.size()) arena_ = arena;
  ROOST_RETURN_IF_ERROR(survey());
  ROOST_RETURN_IF_ERROR(place_tensors());
  return plan_arena();
}

inline Error GraphSurvey::lend_lives() {
  const size_t skip = (alignof(PlanEntry) - reinterpret_cast<uintptr_t>(scratch_.data())) % alignof(PlanEntry);
  const size_t used = skip + graph_.tensor_count * sizeof(Life);
  if (graph_.operator_count > kOperatorsMax || scratch_.size() < used) return Error::kTooComplex;
  lives_ = reinterpret_cast<Life*>(scratch_.data() + skip);
  entries_ = reinterpret_cast<PlanEntry*>(scratch_.data() + used);
  for (uint32_t i = 0; i < graph_.tensor_count; ++i) lives_[i] = Life{kUnseen, 0};
  entry_room_ = static_cast<uint32_t>((scratch_.size() - used) / sizeof(PlanEntry));
  return Error::kNone;
}

Error GraphSurvey::add_entry(uint32_t size, Life life, uint32_t owner) {
  if (entry_count_ == entry_room_) return Error::kTooComplex;
  entries_[entry_count_++] = PlanEntry{size, 0, life.first, life.last, owner};
  return Error::kNone;
}

// By no more than 2^30, so that nothing wraps before it is refused.
Error GraphSurvey::extend(uint32_t bytes) {
  judgement_->persistent_bytes += bytes;
  return judgement_->persistent_bytes > kPlanBytesMax ? Error::kTensorTooLarge : Error::kNone;
}

// Every tensor that is used goes through here first.
inline Error GraphSurvey::see(uint32_t index) {
  if (index >= graph_.tensor_count) return Error::kTensorIndex;
  uint16_t& first = lives_[index].first;
  if (first != kUnseen) return Error::kNone;
  const Tensor tensor = graph_.tensor(index, nullptr);
  ROOST_RETURN_IF_ERROR(check_tensor(graph_.model, tensor));
  first = tensor.constant() ? kConstant : (tensor.variable() ? kVariable : kNotWritten);
  return Error::kNone;
}

// By an operator, or after the last one by the application.
inline Error GraphSurvey::read(Life* life, uint16_t time) const {
  const bool by_operator = time < time_of(graph_.operator_count);
  if (life->first == kConstant) return Error::kNone;
  // One user only: nobody else may see a variable half updated.
  if (life->first == kVariable && (!by_operator || life->last != 0)) return Error::kVariableTensor;
  if (life->first == kNotWritten) return by_operator ? Error::kReadBeforeWritten : Error::kOutputNotWritten;
  life->last = time;
  return Error::kNone;
}

// By an operator, or before the first one by the application.
inline Error GraphSurvey::write(Life* life, uint16_t time) const {
  if (life->first == kConstant) return Error::kConstantWritten;
  if (life->first == kVariable) return Error::kVariableTensor;
  if (life->first == kStartTime && time != kStartTime) return Error::kInputWritten;
  if (life->first != kNotWritten) return Error::kWrittenTwice;
  *life = Life{time, time};
  return Error::kNone;
}

Error GraphSurvey::access(Numbers tensors, Access how, uint16_t time) {
  const bool may_be_absent = how == Access::kRead && time < time_of(graph_.operator_count);
  for (const int32_t index : tensors) {
    if (index == -1 && may_be_absent) continue;
    where_->tensor = index;
    ROOST_RETURN_IF_ERROR(see(static_cast<uint32_t>(index)));
    Life* const life = &lives_[index];
    ROOST_RETURN_IF_ERROR(how == Access::kRead ? read(life, time) : write(life, time));
  }
  where_->tensor = -1;
  return Error::kNone;
}

inline Error GraphSurvey::survey() {
  ROOST_RETURN_IF_ERROR(access(graph_.inputs(), Access::kWrite, kStartTime));
  for (uint32_t i = 0; i < graph_.operator_count; ++i) ROOST_RETURN_IF_ERROR(survey_operator(i));
  where_->op_index = -1;
  return access(graph_.outputs(), Access::kRead, time_of(graph_.operator_count));
}

inline Error GraphSurvey::survey_operator(uint32_t index) {
  const tflite::Operator* const op = graph_.op(index);
  const Numbers outputs = numbers_of(op, tflite::Operator::VT_OUTPUTS);
  where_->op_index = static_cast<int32_t>(index);
  where_->set_operator(code_of(graph_.model, op));
  ROOST_RETURN_IF_ERROR(access(numbers_of(op, tflite::Operator::VT_INPUTS), Access::kRead, time_of(index)));
  ROOST_RETURN_IF_ERROR(access(outputs, Access::kWrite, time_of(index)));
  return outputs.empty() ? Error::kOperatorOperands : judge_operator(index);
}

inline Error GraphSurvey::judge_operator(uint32_t index) {
  const uint32_t data = judgement_->persistent_bytes;
  Preparation preparation(graph_, index, arena_, &judgement_->persistent_bytes);
  const Needs& needs = preparation.needs;
  const Kernel* const* const kernel = find_kernel(kernels_, where_->op, type_bit(preparation.in.type()));
  if (!kernel) return Error::kOperatorType;
  ROOST_RETURN_IF_ERROR(preparation.judge(**kernel, where_->op_version));
  if (!arena_.empty()) {
    operator_records(graph_, arena_.data())[index] = {data, 0, static_cast<uint32_t>(kernel - kernels_.data())};
  }
  const uint64_t work = needs.macs + needs.steps;  // products of two counts each: far below 2^63
  judgement_->macs += needs.macs;
  judgement_->work += work;
  if (judgement_->work < work) return Error::kTooMuchWork;
  if (work > judgement_->longest_work) judgement_->longest_work = work;
  if (needs.scratch_bytes == 0) return Error::kNone;
  if (needs.scratch_bytes > kTensorBytesMax) return Error::kTensorTooLarge;
  return add_entry(needs.scratch_bytes, Life{time_of(index), time_of(index)}, scratch_word(graph_, index));
}

// Variables at once, all others as entries for the planner.
inline Error GraphSurvey::place_tensors() {
  judgement_->persistent_bytes = align_up(judgement_->persistent_bytes, kArenaAlignment);
  for (uint32_t i = 0; i < graph_.tensor_count; ++i) {
    const Life life = lives_[i];
    const bool variable = life.first == kVariable;
    if (!arena_.empty()) tensor_offsets(arena_.data())[i] = variable ? judgement_->persistent_bytes : 0;
    if (!variable && life.first < kStartTime) continue;
    const uint32_t bytes = graph_.tensor(i, nullptr).bytes();
    if (variable) {
      judgement_->variable_bytes += align_up(bytes, kArenaAlignment);
      ROOST_RETURN_IF_ERROR(extend(align_up(bytes, kArenaAlignment)));
    } else {
      ROOST_RETURN_IF_ERROR(add_entry(bytes, life, i));
    }
  }
  return Error::kNone;
}

inline Error GraphSurvey::plan_arena() {
  const uint32_t planned = runtime::plan(Span<PlanEntry>(entries_, entry_count_));
  if (planned > kPlanBytesMax) return Error::kTensorTooLarge;
  if (planned > judgement_->arena_bytes) judgement_->arena_bytes = planned;
  if (arena_.empty()) return Error::kNone;
  uint32_t* const words = tensor_offsets(arena_.data());
  for (const PlanEntry& entry : plan()) words[entry.owner] = judgement_->persistent_bytes + entry.offset;
  return Error::kNone;
}

}  // namespace runtime
}  // namespace roost
