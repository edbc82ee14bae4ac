#include "runtime/survey.h"

#include "runtime/model_view.h"
#include "runtime/tensor_check.h"

namespace roost {
namespace runtime {

Error GraphSurvey::run(const MutableBytes& arena) {
  judgement_->tensors += graph_.tensor_count;
  judgement_->operators += graph_.operator_count;
  end_ = tables_bytes(graph_);
  if (end_ <= arena.size()) arena_ = arena;
  ROOST_RETURN_IF_ERROR(lend_lives());
  ROOST_RETURN_IF_ERROR(survey());
  ROOST_RETURN_IF_ERROR(place_tensors());
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

// By no more than kTensorBytesMax, so that nothing wraps before it is refused.
Error GraphSurvey::extend(uint32_t bytes, uint32_t alignment) {
  end_ += align_up(bytes, alignment);
  return end_ > kPlanBytesMax ? Error::kTensorTooLarge : Error::kNone;
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

Error GraphSurvey::survey() {
  for (int32_t input : graph_.inputs) ROOST_RETURN_IF_ERROR(write(input, 0));
  for (uint32_t i = 0; i < graph_.operator_count; ++i) ROOST_RETURN_IF_ERROR(survey_operator(i));
  where_->op_index = -1;
  const uint16_t end = static_cast<uint16_t>(graph_.operator_count + 1);
  for (int32_t output : graph_.outputs) ROOST_RETURN_IF_ERROR(read(output, end, false));
  where_->tensor = -1;
  return Error::kNone;
}

Error GraphSurvey::survey_operator(uint32_t index) {
  const tflite::Operator* const op = graph_.op(index);
  const Span<const int32_t> outputs = int32s_of(op, tflite::Operator::VT_OUTPUTS);
  where_->op_index = static_cast<int32_t>(index);
  where_->set_operator(code_of(graph_.model, op));
  const uint16_t time = static_cast<uint16_t>(index + 1);
  for (int32_t input : int32s_of(op, tflite::Operator::VT_INPUTS)) {
    if (input != -1) ROOST_RETURN_IF_ERROR(read(input, time, true));
  }
  for (int32_t output : outputs) ROOST_RETURN_IF_ERROR(write(output, time));
  where_->tensor = -1;
  return outputs.empty() ? Error::kOperatorOperands : judge_operator(index);
}

Error GraphSurvey::judge_operator(uint32_t index) {
  Preparation preparation(graph_, index, end_ < arena_.size() ? arena_.from(end_) : MutableBytes());
  const Needs& needs = preparation.needs;
  const Kernel* const* const kernel = find_kernel(kernels_, where_->op, type_bit(preparation.in.type()));
  if (!kernel) return Error::kOperatorType;
  ROOST_RETURN_IF_ERROR(preparation.judge(**kernel, where_->op_version));
  if (needs.scratch_bytes > kTensorBytesMax) return Error::kTensorTooLarge;
  if (!arena_.empty()) {
    operator_records(graph_, arena_.data())[index] = {end_, 0, static_cast<uint16_t>(kernel - kernels_.data()), 0};
  }
  ROOST_RETURN_IF_ERROR(extend(needs.data_bytes, kOperatorDataAlignment));
  const uint64_t work = needs.macs + needs.steps;  // products of two counts each: far below 2^63
  judgement_->macs = saturating_add(judgement_->macs, needs.macs);
  judgement_->work = saturating_add(judgement_->work, work);
  if (work > judgement_->longest_work) judgement_->longest_work = work;
  const uint16_t time = static_cast<uint16_t>(index + 1);
  return needs.scratch_bytes == 0 ? Error::kNone : add_entry(needs.scratch_bytes, time, time, kScratchPlace);
}

// Variables at once, all others as entries for the planner.
Error GraphSurvey::place_tensors() {
  end_ = align_up(end_, kArenaAlignment);
  const uint32_t variables = end_;
  for (uint32_t i = 0; i < graph_.tensor_count; ++i) {
    const Life life = lives_[i];
    const bool variable = life.first == kVariable;
    if (!arena_.empty()) tensor_offsets(arena_.data())[i] = variable ? end_ : 0;
    if (!variable && life.first >= kTimeMax) continue;
    const uint32_t bytes = graph_.tensor(i, nullptr).bytes();
    ROOST_RETURN_IF_ERROR(variable ? extend(bytes, kArenaAlignment)
                                   : add_entry(bytes, life.first, life.last, static_cast<uint16_t>(i)));
  }
  judgement_->variable_bytes += end_ - variables;
  return Error::kNone;
}

Error GraphSurvey::plan_arena() {
  planned_bytes_ = runtime::plan(Span<PlanEntry>(entries_, entry_count_));
  if (planned_bytes_ > kPlanBytesMax - end_) return Error::kTensorTooLarge;
  if (arena_.empty()) return Error::kNone;
  for (const PlanEntry& entry : plan()) {
    const uint32_t offset = end_ + entry.offset;
    if (entry.tensor == kScratchPlace) {
      operator_records(graph_, arena_.data())[entry.first - 1].scratch = offset;
    } else {
      tensor_offsets(arena_.data())[entry.tensor] = offset;
    }
  }
  return Error::kNone;
}

}  // namespace runtime
}  // namespace roost
