#include "runtime/model_host.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace runtime {

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
  return state_ == State::kEmpty ? start(model, false) : Error::kBusy;
}

Status ModelHost::try_model(const HostedModel& model) {
  return state_ <= State::kRunning ? start(model, true) : Error::kBusy;
}

Status ModelHost::start(const HostedModel& model, bool trial) {
  state_ = State::kMeasuring;
  trial_ = trial;
  candidate_->model = model;
  reason_ = Error::kNone;
  report_.restart();
  pending_ = HostEvent();
  return Status();
}

Status ModelHost::return_to_previous(Error reason) {
  if (!has_candidate()) return Error::kBusy;
  give_up(reason);
  return Status();
}

Status ModelHost::confirm() {
  if (state_ != State::kTrial) return Error::kBusy;
  settle();
  return Status();
}

Status ModelHost::stop() {
  state_ = State::kEmpty;
  forget(old_);
  forget(candidate_);
  serve(nullptr);
  pending_ = HostEvent();
  return Status();
}

// --- Slices ---

bool ModelHost::needs_scratch() const {
  return state_ == State::kMeasuring || state_ == State::kPreparing ||
         (state_ == State::kRestoring && !old_->prepared && !old_->model.bytes.empty());
}

HostEvent ModelHost::poll(MutableBytes scratch) {
  HostEvent::Kind kind = HostEvent::kNeedScratch;
  if (needs_scratch() && scratch.empty()) return event(kind, Error::kNone);
  switch (state_) {
    case State::kMeasuring:
      kind = measure(scratch);
      break;
    case State::kPreparing:
      kind = prepare(scratch);
      break;
    case State::kTesting:
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
  state_ = State::kPreparing;
  if (old_->prepared && needed > arena_.size() - old_->arena_bytes) {
    old_->prepared = false;
    old_->engine->release();
    serve(nullptr);
  }
  return HostEvent::kWorking;
}

HostEvent::Kind ModelHost::prepare(const MutableBytes& scratch) {
  if (!prepare_side(candidate_, scratch)) return fail_by_engine();
  state_ = State::kTesting;
  vector_ = 0;
  vector_loaded_ = false;
  return HostEvent::kWorking;
}

// Side 0 works from the low end, side 1 from the high end.
inline MutableBytes ModelHost::arena_of(const Side& side) const {
  const uint32_t bytes = side.arena_bytes;
  return &side == &sides_[0] ? arena_.first(bytes) : arena_.from(arena_.size() - bytes);
}

bool ModelHost::prepare_side(Side* side, const MutableBytes& scratch) {
  side->prepared = side->engine->prepare(side->model.bytes, arena_of(*side), scratch).ok();
  return side->prepared;
}

HostEvent::Kind ModelHost::test() {
  const SelfTest* self_test = candidate_->model.self_test;
  SelfTestVector vector;
  if (!self_test || !self_test->vector(vector_, &vector)) return activate();
  Io next = Io::kInput;
  if (vector_loaded_) {
    const Result<Progress> progress = candidate_->engine->step();
    if (!progress.ok()) return fail_by_engine();
    if (progress.value() != Progress::kFinished) return HostEvent::kWorking;
    next = Io::kOutput;
  }
  const Error error = exchange(next, vector);
  if (error != Error::kNone) return fail(error);
  if (vector_loaded_) ++vector_;
  vector_loaded_ = !vector_loaded_;
  return HostEvent::kWorking;
}

HostEvent::Kind ModelHost::activate() {
  const Status reset = candidate_->engine->reset();
  if (!reset.ok()) return fail(reset.error());
  serve(candidate_);
  warm_up_left_ = candidate_->model.warm_up_inferences;
  healthy_ = 0;
  state_ = State::kTrial;
  if (trial_) return HostEvent::kTrial;
  settle();  // a model that was simply run has nothing to prove
  return HostEvent::kRunning;
}

// The candidate becomes the model; the one before is forgotten.
void ModelHost::settle() {
  state_ = State::kRunning;
  forget(old_);
  Side* const forgotten = old_;
  old_ = candidate_;
  candidate_ = forgotten;
  pending_ = HostEvent();
}

HostEvent::Kind ModelHost::fail_by_engine() {
  report_ = candidate_->engine->report();
  give_up(report_.error);
  return HostEvent::kWorking;
}

HostEvent::Kind ModelHost::fail(Error reason) {
  report_.restart(reason);
  give_up(reason);
  return HostEvent::kWorking;
}

// Nobody runs the candidate from here on, and the old model serves at once if it still can.
void ModelHost::give_up(Error reason) {
  state_ = State::kRestoring;
  reason_ = reason;
  pending_ = HostEvent();
  forget(candidate_);
  if (serving_ != candidate_) return;
  old_->prepared = old_->prepared && old_->engine->reset().ok();
  serve(old_->prepared ? old_ : nullptr);
}

HostEvent::Kind ModelHost::restore(const MutableBytes& scratch) {
  if (needs_scratch() && prepare_side(old_, scratch)) serve(old_);
  if (old_->prepared) {
    state_ = State::kRunning;
    warm_up_left_ = 0;
    return HostEvent::kReturned;
  }
  (void)stop();
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
inline Error ModelHost::exchange(Io which, const SelfTestVector& vector) {
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
  if (!serving_->engine->invoke().ok()) {
    report_ = serving_->engine->report();
    if (state_ == State::kTrial) {
      give_up(Error::kInvokeFailed);
    } else {
      pending_ = event(HostEvent::kInvokeFailed, Error::kInvokeFailed);
    }
    return Error::kInvokeFailed;
  }
  const uint32_t needed = serving_->model.healthy_inferences;
  if (warm_up_left_ > 0) {
    --warm_up_left_;
  } else if (state_ == State::kTrial && needed != 0 && ++healthy_ == needed) {
    pending_ = event(HostEvent::kConfirmDue, Error::kNone);
  }
  return Status();
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
    if (bytes.data() < model.data() + model.size() && model.data() < bytes.data() + bytes.size()) {
      return true;
    }
  }
  return false;
}

// --- Helpers ---

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
  side->prepared = false;
}

}  // namespace runtime
}  // namespace roost
