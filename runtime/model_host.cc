#include "runtime/model_host.h"

#include <string.h>

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
  new_side().model = model;
  new_side().named = true;
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
  forget(0);
  forget(1);
  serve(kNobody);
  pending_ = HostEvent();
  return Status();
}

// --- Slices ---

bool ModelHost::needs_scratch() const {
  return state_ == State::kMeasuring || state_ == State::kPreparingBeside || state_ == State::kPreparingAlone ||
         (state_ == State::kRestoring && old_side().named && !old_side().prepared);
}

HostEvent ModelHost::poll(MutableBytes scratch) {
  if (needs_scratch() && scratch.empty()) return event(HostEvent::kNeedScratch);
  switch (state_) {
    case State::kMeasuring:
      return measure(scratch);
    case State::kPreparingBeside:
    case State::kPreparingAlone:
      return prepare(scratch);
    case State::kTestingBeside:
    case State::kTestingAlone:
      return test();
    case State::kRestoring:
      return restore(scratch);
    case State::kEmpty:
    case State::kRunning:
    case State::kTrial:
      break;
  }
  const HostEvent told = pending_;
  pending_ = HostEvent();
  return told;
}

HostEvent ModelHost::measure(MutableBytes scratch) {
  Side& candidate = new_side();
  const Result<Judgement> judgement = candidate.engine->measure(candidate.model.bytes, scratch);
  if (!judgement.ok()) return fail_by_engine();
  candidate.arena_bytes = judgement.value().arena_bytes;
  if (candidate.arena_bytes > arena_.size()) return fail(Error::kArenaTooSmall);
  if (fit_beside()) {
    change(Input::kFitsBeside);
  } else {
    change(Input::kFitsAlone);
    Side& old = old_side();
    if (old.prepared) old.engine->release();
    old.prepared = false;
    serve(kNobody);
  }
  return event(HostEvent::kWorking);
}

bool ModelHost::fit_beside() const {
  return old_side().prepared && new_side().arena_bytes <= arena_.size() - old_side().arena_bytes;
}

HostEvent ModelHost::prepare(MutableBytes scratch) {
  if (!prepare_side(1 - old_, scratch)) return fail_by_engine();
  vector_ = 0;
  vector_loaded_ = false;
  change(Input::kDone);
  return event(HostEvent::kWorking);
}

bool ModelHost::prepare_side(uint8_t index, MutableBytes scratch) {
  Side& side = sides_[index];
  side.prepared = side.engine->prepare(side.model.bytes, arena_of(index), scratch).ok();
  return side.prepared;
}

// Side 0 works from the low end, side 1 from the high end.
MutableBytes ModelHost::arena_of(uint8_t side) const {
  const uint32_t bytes = sides_[side].arena_bytes;
  return side == 0 ? arena_.first(bytes) : arena_.from(arena_.size() - bytes);
}

HostEvent ModelHost::test() {
  const SelfTest* self_test = new_side().model.self_test;
  if (!self_test || vector_ == self_test->count()) return activate();
  if (!vector_loaded_) {
    const Error error = load_vector();
    if (error != Error::kNone) return fail(error);
    vector_loaded_ = true;
    return event(HostEvent::kWorking);
  }
  const Result<Progress> progress = new_side().engine->step();
  if (!progress.ok()) return fail_by_engine();
  if (progress.value() == Progress::kFinished) {
    const Error error = compare_vector();
    if (error != Error::kNone) return fail(error);
    ++vector_;
    vector_loaded_ = false;
  }
  return event(HostEvent::kWorking);
}

HostEvent ModelHost::activate() {
  const Status reset = new_side().engine->reset();
  if (!reset.ok()) return fail(reset.error());
  change(Input::kDone);
  serve(1 - old_);
  warm_up_left_ = new_side().model.warm_up_inferences;
  healthy_ = 0;
  if (trial_) return event(HostEvent::kTrial);
  change(Input::kConfirm);  // a model that was simply run has nothing to prove
  settle();
  return event(HostEvent::kRunning);
}

// The candidate becomes the model; the one before is forgotten.
void ModelHost::settle() {
  forget(old_);
  old_ = 1 - old_;
  pending_ = HostEvent();
}

HostEvent ModelHost::fail_by_engine() {
  report_ = new_side().engine->report();
  change(Input::kFailed);
  give_up(report_.error);
  return event(HostEvent::kWorking);
}

HostEvent ModelHost::fail(Error reason) {
  report_.restart(reason);
  change(Input::kFailed);
  give_up(reason);
  return event(HostEvent::kWorking);
}

// On entering kRestoring: nobody runs the candidate from here on, and the old model serves at once if it still can.
void ModelHost::give_up(Error reason) {
  reason_ = reason;
  pending_ = HostEvent();
  const bool served_by_candidate = serving_ == 1 - old_;
  forget(1 - old_);
  if (!served_by_candidate) return;
  Side& old = old_side();
  old.prepared = old.prepared && old.engine->reset().ok();
  serve(old.prepared ? old_ : uint8_t{kNobody});
}

HostEvent ModelHost::restore(MutableBytes scratch) {
  Side& old = old_side();
  if (old.named && !old.prepared && prepare_side(old_, scratch)) serve(old_);
  if (old.prepared) {
    change(Input::kDone);
    warm_up_left_ = 0;
    return event(HostEvent::kReturned, reason_);
  }
  change(Input::kFailed);
  forget(old_);
  serve(kNobody);
  return event(HostEvent::kStopped, reason_);
}

// --- Self-test ---

Error ModelHost::load_vector() {
  Engine& engine = *new_side().engine;
  Bytes rest = new_side().model.self_test->vector(vector_).inputs;
  for (uint32_t i = 0; i < engine.input_count(); ++i) {
    const MutableBytes input = engine.input(i).bytes;
    if (rest.size() < input.size()) return Error::kSelfTestInvalid;
    memcpy(input.data(), rest.data(), input.size());
    rest = rest.from(input.size());
  }
  return rest.empty() ? Error::kNone : Error::kSelfTestInvalid;
}

namespace {

// One element as a number, for comparing. Floats of self-tests are compared as floats; integers up to 32 bits too,
// which is exact enough for a tolerance in steps and exact for int8 and int16.
float element(TensorType type, const uint8_t* at) {
  if (type == TensorType::INT8) return static_cast<float>(static_cast<int8_t>(*at));
  if (type == TensorType::INT16) {
    int16_t value;
    memcpy(&value, at, sizeof value);
    return static_cast<float>(value);
  }
  if (type == TensorType::INT32) {
    int32_t value;
    memcpy(&value, at, sizeof value);
    return static_cast<float>(value);
  }
  if (type == TensorType::FLOAT32) {
    float value;
    memcpy(&value, at, sizeof value);
    return value;
  }
  return static_cast<float>(*at);
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

Error ModelHost::compare_vector() {
  Engine& engine = *new_side().engine;
  const SelfTestVector vector = new_side().model.self_test->vector(vector_);
  Bytes rest = vector.expected;
  for (uint32_t i = 0; i < engine.output_count(); ++i) {
    const IoTensor output = engine.output(i);
    if (rest.size() < output.bytes.size()) return Error::kSelfTestInvalid;
    if (!close_enough(output.type, output.bytes, rest.first(output.bytes.size()), vector.tolerance)) {
      return Error::kSelfTestMismatch;
    }
    rest = rest.from(output.bytes.size());
  }
  return rest.empty() ? Error::kNone : Error::kSelfTestInvalid;
}

// --- The application's side ---

Status ModelHost::invoke() {
  if (!serving()) return Error::kNoModel;
  const Status invoked = sides_[serving_].engine->invoke();
  if (!invoked.ok()) {
    report_ = sides_[serving_].engine->report();
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
  const uint32_t needed = new_side().model.healthy_inferences;
  if (needed != 0 && healthy_ == needed) pending_ = event(HostEvent::kConfirmDue);
}

uint32_t ModelHost::input_count() const {
  return serving() ? sides_[serving_].engine->input_count() : 0;
}
uint32_t ModelHost::output_count() const {
  return serving() ? sides_[serving_].engine->output_count() : 0;
}

IoTensor ModelHost::input(uint32_t index) {
  return serving() ? sides_[serving_].engine->input(index) : IoTensor();
}

IoTensor ModelHost::output(uint32_t index) {
  return serving() ? sides_[serving_].engine->output(index) : IoTensor();
}

uint32_t ModelHost::serving_id() const {
  return serving() ? sides_[serving_].model.id : 0;
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

void ModelHost::serve(uint8_t side) {
  if (serving_ == side) return;
  serving_ = side;
  ++generation_;
}

void ModelHost::forget(uint8_t side) {
  Engine* const engine = sides_[side].engine;
  if (sides_[side].prepared) engine->release();
  sides_[side] = Side();
  sides_[side].engine = engine;
}

}  // namespace runtime
}  // namespace roost
