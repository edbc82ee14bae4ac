#include "runtime/model_host.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace runtime {

enum class ModelHost::Input : uint8_t {
  kRun,
  kTry,
  kReturn,
  kConfirm,
  kStop,
  kFitsBeside,
  kFitsAlone,
  kDone,    // the step of this state succeeded
  kFailed,  // it failed, or in kTrial an inference did
};

// The rows of the table in the header. What is not here is illegal and changes nothing.
struct ModelHost::Transition {
  State from;
  Input input;
  State to;
};

const ModelHost::Transition* ModelHost::find(Input input) const {
  static const Transition kTransitions[] = {
      {State::kEmpty, Input::kRun, State::kMeasuring},
      {State::kEmpty, Input::kTry, State::kMeasuring},
      {State::kEmpty, Input::kStop, State::kEmpty},
      {State::kRunning, Input::kTry, State::kMeasuring},
      {State::kRunning, Input::kStop, State::kEmpty},
      {State::kMeasuring, Input::kFitsBeside, State::kPreparingBeside},
      {State::kMeasuring, Input::kFitsAlone, State::kPreparingAlone},
      {State::kMeasuring, Input::kFailed, State::kRestoring},
      {State::kMeasuring, Input::kReturn, State::kRestoring},
      {State::kMeasuring, Input::kStop, State::kEmpty},
      {State::kPreparingBeside, Input::kDone, State::kTestingBeside},
      {State::kPreparingBeside, Input::kFailed, State::kRestoring},
      {State::kPreparingBeside, Input::kReturn, State::kRestoring},
      {State::kPreparingBeside, Input::kStop, State::kEmpty},
      {State::kTestingBeside, Input::kDone, State::kTrial},
      {State::kTestingBeside, Input::kFailed, State::kRestoring},
      {State::kTestingBeside, Input::kReturn, State::kRestoring},
      {State::kTestingBeside, Input::kStop, State::kEmpty},
      {State::kPreparingAlone, Input::kDone, State::kTestingAlone},
      {State::kPreparingAlone, Input::kFailed, State::kRestoring},
      {State::kPreparingAlone, Input::kReturn, State::kRestoring},
      {State::kPreparingAlone, Input::kStop, State::kEmpty},
      {State::kTestingAlone, Input::kDone, State::kTrial},
      {State::kTestingAlone, Input::kFailed, State::kRestoring},
      {State::kTestingAlone, Input::kReturn, State::kRestoring},
      {State::kTestingAlone, Input::kStop, State::kEmpty},
      {State::kTrial, Input::kFailed, State::kRestoring},
      {State::kTrial, Input::kReturn, State::kRestoring},
      {State::kTrial, Input::kConfirm, State::kRunning},
      {State::kTrial, Input::kStop, State::kEmpty},
      {State::kRestoring, Input::kDone, State::kRunning},
      {State::kRestoring, Input::kFailed, State::kEmpty},
      {State::kRestoring, Input::kStop, State::kEmpty},
  };
  for (const Transition& transition : kTransitions) {
    if (transition.from == state_ && transition.input == input) return &transition;
  }
  return nullptr;
}

ModelHost::ModelHost(Engine& a, Engine& b, MutableBytes arena) : arena_(arena) {
  ROOST_ASSERT(&a != &b);
  // Both ends aligned: what is cut off here could not be used.
  const size_t skip =
      (kArenaAlignment - reinterpret_cast<uintptr_t>(arena.data()) % kArenaAlignment) % kArenaAlignment;
  arena_ = arena.size() < skip ? MutableBytes() : arena.from(skip);
  arena_ = arena_.first(arena_.size() / kArenaAlignment * kArenaAlignment);
  sides_[0].engine = &a;
  sides_[1].engine = &b;
}

// --- Commands ---

Status ModelHost::run(const HostedModel& model) {
  return start(model, Input::kRun);
}

Status ModelHost::try_model(const HostedModel& model) {
  return start(model, Input::kTry);
}

Status ModelHost::start(const HostedModel& model, Input input) {
  if (!find(input)) return Error::kBusy;
  change(input);
  trial_ = input == Input::kTry;
  candidate_->model = model;
  candidate_->named = true;
  reason_ = Error::kNone;
  report_.restart();
  pending_ = HostEvent();
  return Status();
}

Status ModelHost::return_to_previous(Error reason) {
  if (!find(Input::kReturn)) return Error::kBusy;
  change(Input::kReturn);
  give_up(reason);
  return Status();
}

Status ModelHost::confirm() {
  if (!find(Input::kConfirm)) return Error::kBusy;
  change(Input::kConfirm);
  settle();
  return Status();
}

Status ModelHost::stop() {
  if (!find(Input::kStop)) return Error::kBusy;
  change(Input::kStop);
  forget(old_);
  forget(candidate_);
  serve(nullptr);
  pending_ = HostEvent();
  return Status();
}

// --- Slices ---

bool ModelHost::needs_scratch() const {
  return state_ == State::kMeasuring || state_ == State::kPreparingBeside || state_ == State::kPreparingAlone ||
         (state_ == State::kRestoring && old_->named && !old_->prepared);
}

HostEvent ModelHost::poll(MutableBytes scratch) {
  HostEvent::Kind kind = HostEvent::kNeedScratch;
  if (needs_scratch() && scratch.empty()) return event(kind, Error::kNone);
  switch (state_) {
    case State::kMeasuring:
      kind = measure(scratch);
      break;
    case State::kPreparingBeside:
    case State::kPreparingAlone:
      kind = prepare(scratch);
      break;
    case State::kTestingBeside:
    case State::kTestingAlone:
      kind = test();
      break;
    case State::kRestoring:
      return event(restore(scratch), reason_);
    case State::kEmpty:
    case State::kRunning:
    case State::kTrial:
      const HostEvent told = pending_;
      pending_ = HostEvent();
      return told;
  }
  return event(kind, Error::kNone);
}

HostEvent::Kind ModelHost::measure(const MutableBytes& scratch) {
  const Result<Judgement> judgement = candidate_->engine->measure(candidate_->model.bytes, scratch);
  if (!judgement.ok()) return fail_by_engine();
  const uint32_t needed = judgement.value().arena_bytes;
  candidate_->arena_bytes = needed;
  if (needed > arena_.size()) return fail(Error::kArenaTooSmall);
  if (old_->prepared && needed <= arena_.size() - old_->arena_bytes) {
    change(Input::kFitsBeside);
  } else {
    change(Input::kFitsAlone);
    if (old_->prepared) old_->engine->release();
    old_->prepared = false;
    serve(nullptr);
  }
  return HostEvent::kWorking;
}

HostEvent::Kind ModelHost::prepare(const MutableBytes& scratch) {
  if (!prepare_side(candidate_, scratch)) return fail_by_engine();
  vector_ = 0;
  vector_loaded_ = false;
  change(Input::kDone);
  return HostEvent::kWorking;
}

bool ModelHost::prepare_side(Side* side, const MutableBytes& scratch) {
  side->prepared = side->engine->prepare(side->model.bytes, arena_of(*side), scratch).ok();
  return side->prepared;
}

// Side 0 works from the low end, side 1 from the high end.
MutableBytes ModelHost::arena_of(const Side& side) const {
  const uint32_t bytes = side.arena_bytes;
  return &side == &sides_[0] ? arena_.first(bytes) : arena_.from(arena_.size() - bytes);
}

HostEvent::Kind ModelHost::test() {
  const SelfTest* self_test = candidate_->model.self_test;
  if (!self_test || vector_ == self_test->count()) return activate();
  if (!vector_loaded_) {
    const Error error = exchange(Exchange::kWriteInputs);
    if (error != Error::kNone) return fail(error);
    vector_loaded_ = true;
    return HostEvent::kWorking;
  }
  const Result<Progress> progress = candidate_->engine->step();
  if (!progress.ok()) return fail_by_engine();
  if (progress.value() == Progress::kFinished) {
    const Error error = exchange(Exchange::kCompareOutputs);
    if (error != Error::kNone) return fail(error);
    ++vector_;
    vector_loaded_ = false;
  }
  return HostEvent::kWorking;
}

HostEvent::Kind ModelHost::activate() {
  const Status reset = candidate_->engine->reset();
  if (!reset.ok()) return fail(reset.error());
  change(Input::kDone);
  serve(candidate_);
  warm_up_left_ = candidate_->model.warm_up_inferences;
  healthy_ = 0;
  if (trial_) return HostEvent::kTrial;
  change(Input::kConfirm);  // a model that was simply run has nothing to prove
  settle();
  return HostEvent::kRunning;
}

// The candidate becomes the model; the one before is forgotten.
void ModelHost::settle() {
  forget(old_);
  Side* const forgotten = old_;
  old_ = candidate_;
  candidate_ = forgotten;
  pending_ = HostEvent();
}

HostEvent::Kind ModelHost::fail_by_engine() {
  report_ = candidate_->engine->report();
  return fail();
}

HostEvent::Kind ModelHost::fail(Error reason) {
  report_.restart(reason);
  return fail();
}

// For the reason in the report.
HostEvent::Kind ModelHost::fail() {
  change(Input::kFailed);
  give_up(report_.error);
  return HostEvent::kWorking;
}

// On entering kRestoring: nobody runs the candidate from here on, and the old model serves at once if it still can.
void ModelHost::give_up(Error reason) {
  reason_ = reason;
  pending_ = HostEvent();
  forget(candidate_);
  if (serving_ != candidate_) return;
  old_->prepared = old_->prepared && old_->engine->reset().ok();
  serve(old_->prepared ? old_ : nullptr);
}

HostEvent::Kind ModelHost::restore(const MutableBytes& scratch) {
  if (old_->named && !old_->prepared && prepare_side(old_, scratch)) serve(old_);
  if (old_->prepared) {
    change(Input::kDone);
    warm_up_left_ = 0;
    return HostEvent::kReturned;
  }
  change(Input::kFailed);
  forget(old_);
  serve(nullptr);
  return HostEvent::kStopped;
}

// --- Self-test ---

namespace {

// One element as a number, for comparing. Floats of self-tests are compared as floats; integers up to 32 bits too,
// which is exact enough for a tolerance in steps and exact for int8 and int16.
float element(TensorType type, const uint8_t* at) {
  int32_t value = *at;
  if (type == TensorType::INT8) value = static_cast<int8_t>(*at);
  if (type == TensorType::INT16) value = static_cast<int16_t>(load_le16(at));
  if (type == TensorType::INT32) value = static_cast<int32_t>(load_le32(at));
  if (type != TensorType::FLOAT32) return static_cast<float>(value);
  float result;
  memcpy(&result, at, sizeof result);
  return result;
}

// NaN is near nothing, not even itself.
bool close_enough(TensorType type, Bytes got, Bytes expected, float tolerance) {
  if (tolerance == 0) return same_bytes(got, expected);
  const uint32_t size = element_size(type);
  for (size_t i = 0; i + size <= got.size(); i += size) {
    const float difference = element(type, got.data() + i) - element(type, expected.data() + i);
    if (!(difference <= tolerance && -difference <= tolerance)) return false;
  }
  return true;
}

}  // namespace

// The vector at hand with the engine's tensors, which its bytes have to fit.
Error ModelHost::exchange(Exchange what) {
  Engine& engine = *candidate_->engine;
  const bool writes = what == Exchange::kWriteInputs;
  const SelfTestVector vector = candidate_->model.self_test->vector(vector_);
  Bytes rest = writes ? vector.inputs : vector.expected;
  const uint32_t count = writes ? engine.input_count() : engine.output_count();
  for (uint32_t i = 0; i < count; ++i) {
    const IoTensor tensor = writes ? engine.input(i) : engine.output(i);
    const size_t size = tensor.bytes.size();
    if (rest.size() < size) return Error::kSelfTestInvalid;
    if (writes) {
      memcpy(tensor.bytes.data(), rest.data(), size);
    } else if (!close_enough(tensor.type, tensor.bytes, rest.first(size), vector.tolerance)) {
      return Error::kSelfTestMismatch;
    }
    rest = rest.from(size);
  }
  return rest.empty() ? Error::kNone : Error::kSelfTestInvalid;
}

// --- The application's side ---

Status ModelHost::invoke() {
  if (!serving()) return Error::kNoModel;
  const Status invoked = serving_->engine->invoke();
  if (!invoked.ok()) {
    report_ = serving_->engine->report();
    if (state_ == State::kTrial) {
      change(Input::kFailed);
      give_up(Error::kInvokeFailed);
    } else {
      pending_ = event(HostEvent::kInvokeFailed, Error::kInvokeFailed);
    }
    return Error::kInvokeFailed;
  }
  if (warm_up_left_ > 0) {
    --warm_up_left_;
  } else if (state_ == State::kTrial) {
    count_healthy();
  }
  return Status();
}

void ModelHost::count_healthy() {
  if (healthy_ < UINT32_MAX) ++healthy_;
  const uint32_t needed = candidate_->model.healthy_inferences;
  if (needed != 0 && healthy_ == needed) pending_ = event(HostEvent::kConfirmDue, Error::kNone);
}

uint32_t ModelHost::input_count() const {
  return serving() ? serving_->engine->input_count() : 0;
}
uint32_t ModelHost::output_count() const {
  return serving() ? serving_->engine->output_count() : 0;
}

IoTensor ModelHost::input(uint32_t index) {
  return serving() ? serving_->engine->input(index) : IoTensor();
}

IoTensor ModelHost::output(uint32_t index) {
  return serving() ? serving_->engine->output(index) : IoTensor();
}

uint32_t ModelHost::serving_id() const {
  return serving() ? serving_->model.id : 0;
}

uint64_t ModelHost::longest_block() const {
  const uint64_t a = sides_[0].prepared ? sides_[0].engine->longest_block() : 0;
  const uint64_t b = sides_[1].prepared ? sides_[1].engine->longest_block() : 0;
  return a > b ? a : b;
}

bool ModelHost::holds(Bytes bytes) const {
  for (const Side& side : sides_) {
    const Bytes model = side.model.bytes;
    if (side.named && bytes.data() < model.data() + model.size() && model.data() < bytes.data() + bytes.size()) {
      return true;
    }
  }
  return false;
}

// --- Helpers ---

void ModelHost::change(Input input) {
  const Transition* transition = find(input);
  ROOST_ASSERT(transition);
  state_ = transition->to;
}

void ModelHost::serve(Side* side) {
  if (serving_ == side) return;
  serving_ = side;
  ++generation_;
}

void ModelHost::forget(Side* side) {
  if (side->prepared) side->engine->release();
  side->model.bytes = Bytes();  // all that was borrowed is let go of
  side->model.self_test = nullptr;
  side->arena_bytes = 0;
  side->named = false;
  side->prepared = false;
}

}  // namespace runtime
}  // namespace roost
