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
  kDone,    // the step of this state succeeded; of kMeasuring: there is room beside the old model
  kFailed,  // it failed, or in kTrial an inference did
  kAlone,   // measured: there is room once the old model is gone
  kCount
};

// Whether the input is legal, and if so the next state. What is not is told by kNowhere, and changes nothing.
bool ModelHost::take(Input input) {
  using S = State;
  static constexpr State kNowhere = static_cast<State>(0xFF);
  // The rows and columns of the table in the header.
  static const State kNext[][static_cast<size_t>(Input::kCount)] = {
      // kRun, kTry, kReturn, kConfirm, kStop, kDone, kFailed, kAlone
      {S::kMeasuring, S::kMeasuring, kNowhere, kNowhere, S::kEmpty, kNowhere, kNowhere, kNowhere},
      {kNowhere, S::kMeasuring, kNowhere, kNowhere, S::kEmpty, kNowhere, kNowhere, kNowhere},
      {kNowhere, kNowhere, S::kRestoring, kNowhere, S::kEmpty, S::kPreparingBeside, S::kRestoring,
       S::kPreparingAlone},
      {kNowhere, kNowhere, S::kRestoring, kNowhere, S::kEmpty, S::kTestingBeside, S::kRestoring, kNowhere},
      {kNowhere, kNowhere, S::kRestoring, kNowhere, S::kEmpty, S::kTrial, S::kRestoring, kNowhere},
      {kNowhere, kNowhere, S::kRestoring, kNowhere, S::kEmpty, S::kTestingAlone, S::kRestoring, kNowhere},
      {kNowhere, kNowhere, S::kRestoring, kNowhere, S::kEmpty, S::kTrial, S::kRestoring, kNowhere},
      {kNowhere, kNowhere, S::kRestoring, S::kRunning, S::kEmpty, kNowhere, S::kRestoring, kNowhere},
      {kNowhere, kNowhere, kNowhere, kNowhere, S::kEmpty, S::kRunning, S::kEmpty, kNowhere},
  };
  const State next = kNext[static_cast<size_t>(state_)][static_cast<size_t>(input)];
  if (next == kNowhere) return false;
  state_ = next;
  return true;
}

ModelHost::ModelHost(Engine& a, Engine& b, MutableBytes arena) {
  ROOST_ASSERT(&a != &b);
  // Both ends aligned: what is cut off here could not be used.
  const uint8_t* const start = arena.data();
  const size_t skip = static_cast<size_t>(-reinterpret_cast<uintptr_t>(start)) % kArenaAlignment;
  if (arena.size() > skip) arena_ = arena.subspan(skip, (arena.size() - skip) / kArenaAlignment * kArenaAlignment);
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
  if (!take(input)) return Error::kBusy;
  trial_ = input == Input::kTry;
  candidate_->model = model;
  candidate_->named = true;
  reason_ = Error::kNone;
  report_.restart();
  pending_ = HostEvent();
  return Status();
}

Status ModelHost::return_to_previous(Error reason) {
  if (!take(Input::kReturn)) return Error::kBusy;
  give_up(reason);
  return Status();
}

Status ModelHost::confirm() {
  if (!take(Input::kConfirm)) return Error::kBusy;
  settle();
  return Status();
}

Status ModelHost::stop() {
  if (!take(Input::kStop)) return Error::kBusy;
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
  Judgement judgement;
  if (!candidate_->engine->judge(candidate_->model.bytes, scratch, &judgement).ok()) return fail_by_engine();
  const uint32_t needed = judgement.arena_bytes;
  candidate_->arena_bytes = needed;
  if (needed > arena_.size()) return fail(Error::kArenaTooSmall);
  if (old_->prepared && needed <= arena_.size() - old_->arena_bytes) {
    change(Input::kDone);
  } else {
    change(Input::kAlone);
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
    const Error error = exchange(Io::kInput);
    if (error != Error::kNone) return fail(error);
    vector_loaded_ = true;
    return HostEvent::kWorking;
  }
  const Result<Progress> progress = candidate_->engine->step();
  if (!progress.ok()) return fail_by_engine();
  if (progress.value() == Progress::kFinished) {
    const Error error = exchange(Io::kOutput);
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
bool close_enough(const IoTensor& got, const uint8_t* expected, float tolerance) {
  const size_t size = got.bytes.size();
  if (tolerance == 0) return memcmp(got.bytes.data(), expected, size) == 0;
  for (size_t i = 0; i < size; i += element_size(got.type)) {
    const float difference = element(got.type, got.bytes.data() + i) - element(got.type, expected + i);
    if (!(difference <= tolerance && -difference <= tolerance)) return false;
  }
  return true;
}

}  // namespace

// The vector at hand with the engine's tensors, which its bytes have to fit: written to inputs, compared with outputs.
Error ModelHost::exchange(Io which) {
  const SelfTestVector vector = candidate_->model.self_test->vector(vector_);
  Bytes rest = which == Io::kInput ? vector.inputs : vector.expected;
  for (uint32_t i = 0;; ++i) {
    const IoTensor tensor = candidate_->engine->tensor(which, i);
    const size_t size = tensor.bytes.size();
    if (size == 0) return rest.empty() ? Error::kNone : Error::kSelfTestInvalid;
    if (rest.size() < size) return Error::kSelfTestInvalid;
    if (which == Io::kInput) {
      memcpy(tensor.bytes.data(), rest.data(), size);
    } else if (!close_enough(tensor, rest.data(), vector.tolerance)) {
      return Error::kSelfTestMismatch;
    }
    rest = rest.from(size);
  }
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

IoTensor ModelHost::tensor(Io which, uint32_t index) const {
  return serving() ? serving_->engine->tensor(which, index) : IoTensor();
}

uint32_t ModelHost::count(Io which) const {
  return serving() ? serving_->engine->count(which) : 0;
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
  const bool legal = take(input);
  ROOST_ASSERT(legal);
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
