#include "runtime/model_host.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace runtime {

ModelHost::ModelHost(Engine& a, Engine& b, const MutableBytes& arena) {
  ROOST_ASSERT(&a != &b);
  // Both ends aligned: what is cut off here could not be used.
  const size_t skip = static_cast<size_t>(-reinterpret_cast<uintptr_t>(arena.data())) % kArenaAlignment;
  if (arena.size() > skip) {
    arena_ = MutableBytes(arena.data() + skip, (arena.size() - skip) / kArenaAlignment * kArenaAlignment);
  }
  sides_[0].engine = &a;
  sides_[1].engine = &b;
}

// --- Commands ---

Status ModelHost::start(const HostedModel& model, bool trial) {
  if (state_ > (trial ? State::kRunning : State::kEmpty)) return Error::kBusy;
  state_ = State::kMeasuring;
  trial_ = trial;
  exchanges_ = 0;
  candidate_->model = model;
  report_.restart();
  pending_ = HostEvent::kIdle;
  return Status();
}

Status ModelHost::return_to_previous() {
  if (!has_candidate()) return Error::kBusy;
  report_.restart();  // the old model may have failed an inference meanwhile
  give_up();
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
  pending_ = HostEvent::kIdle;
  return Status();
}

// --- Slices ---

bool ModelHost::needs_scratch() const {
  return state_ == State::kMeasuring || state_ == State::kPreparing ||
         (state_ == State::kRestoring && !old_->prepared && !old_->model.bytes.empty());
}

HostEvent ModelHost::poll(MutableBytes scratch) {
  if (needs_scratch() && scratch.empty()) return HostEvent::kNeedScratch;
  Error error = Error::kNone;
  switch (state_) {
    case State::kMeasuring:
      error = measure(scratch);
      break;
    case State::kPreparing:
      error = prepare(candidate_, scratch);
      if (error == Error::kNone) state_ = State::kTesting;
      break;
    case State::kTesting:
      error = test();
      break;
    case State::kRestoring:
      return restore(scratch);
    case State::kEmpty:
    case State::kRunning:
    case State::kTrial: {
      const HostEvent told = pending_;
      pending_ = HostEvent::kIdle;
      return told;
    }
  }
  if (error != Error::kNone) {
    keep_report(*candidate_, error);
    give_up();
  }
  if (state_ == State::kTrial) return HostEvent::kTrial;
  return state_ == State::kRunning ? HostEvent::kRunning : HostEvent::kWorking;
}

inline Error ModelHost::measure(const MutableBytes& scratch) {
  Judgement judgement;
  const Status judged = candidate_->engine->judge(candidate_->model.bytes, scratch, &judgement);
  if (!judged.ok()) return judged.error();
  const uint32_t needed = judgement.arena_bytes;
  candidate_->arena_bytes = needed;
  if (needed > arena_.size()) return Error::kArenaTooSmall;
  state_ = State::kPreparing;
  if (old_->prepared && needed > arena_.size() - old_->arena_bytes) {
    old_->prepared = false;
    old_->engine->release();
    serve(nullptr);
  }
  return Error::kNone;
}

// Side 0 works from the low end, side 1 from the high end.
inline MutableBytes ModelHost::arena_of(const Side& side) const {
  const uint32_t bytes = side.arena_bytes;
  return &side == &sides_[0] ? arena_.first(bytes) : arena_.from(arena_.size() - bytes);
}

Error ModelHost::prepare(Side* side, const MutableBytes& scratch) {
  const Status prepared = side->engine->prepare(side->model.bytes, arena_of(*side), scratch);
  side->prepared = prepared.ok();
  return prepared.error();
}

// The exchange that is next. When no vector is left, the candidate serves.
inline Error ModelHost::test() {
  const SelfTest* self_test = candidate_->model.self_test;
  SelfTestVector vector;
  const Io which = exchanges_ % 2 == 0 ? Io::kInput : Io::kOutput;
  if (!self_test || !self_test->vector(exchanges_ / 2, which, &vector)) return activate();
  if (which == Io::kOutput) {
    const Result<Progress> progress = candidate_->engine->step();
    if (!progress.ok()) return progress.error();
    if (progress.value() != Progress::kFinished) return Error::kNone;
  }
  const Error error = exchange(which, vector);
  if (error == Error::kNone) ++exchanges_;
  return error;
}

inline Error ModelHost::activate() {
  const Status reset = candidate_->engine->reset();
  if (!reset.ok()) return reset.error();
  serve(candidate_);
  warm_up_left_ = candidate_->model.warm_up_inferences;
  healthy_ = 0;
  state_ = State::kTrial;
  if (!trial_) settle();  // a model that was simply run has nothing to prove
  return Error::kNone;
}

// The candidate becomes the model; the one before is forgotten.
void ModelHost::settle() {
  state_ = State::kRunning;
  forget(old_);
  Side* const forgotten = old_;
  old_ = candidate_;
  candidate_ = forgotten;
  pending_ = HostEvent::kIdle;
}

// What the engine says about it, unless it was not the engine that failed.
void ModelHost::keep_report(const Side& side, Error error) {
  report_ = side.engine->report();
  if (report_.error == error) return;
  report_.restart(error);
  if (state_ == State::kTesting) report_.tensor = static_cast<int32_t>(exchanges_ / 2);
}

// Nobody runs the candidate from here on, and the old model serves at once if it still can.
void ModelHost::give_up() {
  state_ = State::kRestoring;
  pending_ = HostEvent::kIdle;
  forget(candidate_);
  if (serving_ != candidate_) return;
  old_->prepared = old_->prepared && old_->engine->reset().ok();
  serve(old_->prepared ? old_ : nullptr);
}

inline HostEvent ModelHost::restore(const MutableBytes& scratch) {
  if (needs_scratch() && prepare(old_, scratch) == Error::kNone) serve(old_);
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
    if (!(__builtin_fabsf(difference) <= tolerance)) return false;
  }
  return true;
}

}  // namespace

// The vector at hand with the engine's tensors, which its bytes have to fit: written to inputs, compared with outputs.
inline Error ModelHost::exchange(Io which, const SelfTestVector& vector) {
  Bytes rest = vector.bytes;
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
    keep_report(*serving_, Error::kInvokeFailed);
    if (state_ == State::kTrial) {
      give_up();
    } else {
      pending_ = HostEvent::kInvokeFailed;
    }
    return Error::kInvokeFailed;
  }
  if (warm_up_left_ > 0) {
    --warm_up_left_;
  } else {
    ++healthy_;
  }
  return Status();
}

bool ModelHost::confirm_due() const {
  const uint32_t needed = candidate_->model.healthy_inferences;
  return state_ == State::kTrial && needed != 0 && healthy_ >= needed;
}

IoTensor ModelHost::tensor(Io which, uint32_t index) const {
  return serving() ? serving_->engine->tensor(which, index) : IoTensor();
}

uint32_t ModelHost::count(Io which) const {
  return serving() ? serving_->engine->count(which) : 0;
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
  side->model.bytes = Bytes();
  side->prepared = false;
}

}  // namespace runtime
}  // namespace roost
