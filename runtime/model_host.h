// ModelHost owns the swap: which model serves the application, which one is on trial, and the way back.
//
// Two engines share one arena from both ends. Where the plans of the running and the new model fit side by side,
// the new one is prepared and self-tested beside the running one and no inference is missed. Otherwise the running
// one is released, the new one prepared, and on any failure the old one prepared again (which fitted before).
//
// It only runs models. What must outlive a reset (attempt, trial, confirmed, rejected) is written by its owner, who
// calls the commands, polls between inferences and acts on the events. The application calls input(), invoke() and
// output() from the same thread.
//
//   host.run(old);                       // boot
//   host.try_model(candidate);           // after the attempt record was written
//   HostEvent e = host.poll(scratch);    // between inferences, until kIdle
//   if (e == HostEvent::kTrial) ...      // serving the candidate now
//   if (e == HostEvent::kReturned) { record why: last_report(); }
//   if (host.confirm_due()) { write the record; host.confirm(); }
//
//   state       run         try_model   return_to_previous  confirm   stop    a step's outcome
//   kEmpty      kMeasuring  kMeasuring  -                   -         kEmpty
//   kRunning    -           kMeasuring  -                   -         kEmpty
//   kMeasuring  -           -           kRestoring          -         kEmpty  kPreparing, the old model released or not
//   kPreparing  -           -           kRestoring          -         kEmpty  kTesting
//   kTesting    -           -           kRestoring          -         kEmpty  kTrial (run: kRunning)
//   kTrial      -           -           kRestoring          kRunning  kEmpty
//   kRestoring  -           -           -                   -         kEmpty  kRunning; nothing left: kEmpty
//
// Whatever fails on the way, an invoke on trial included, leads to kRestoring.
//
// A command with a dash returns kBusy and changes nothing.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/engine.h"
#include "runtime/error.h"

namespace roost {
namespace runtime {

// One side of a self-test: the bytes of all inputs one after the other; or of all outputs, and by how much an
// element may differ (in steps for integers, absolute for floats; 0 means equal).
struct SelfTestVector {
  Bytes bytes;
  float tolerance = 0;
};

// Where the vectors come from; the owner reads them from the package's body.
class SelfTest {
 public:
  // False where there is no vector of that index, nor of any behind it.
  virtual bool vector(uint32_t index, Io which, SelfTestVector* vector) const = 0;

 protected:
  ~SelfTest() = default;
};

// A model to run. `self_test` may be null and is borrowed until the model serves; the bytes until it is gone
// (holds()).
struct HostedModel {
  Bytes bytes;
  const SelfTest* self_test = nullptr;
  uint32_t id = 0;                  // the owner's name for it (the package id)
  uint32_t warm_up_inferences = 0;  // after activation, before inferences count as healthy
  uint32_t healthy_inferences = 0;  // on trial, until confirm_due; 0: never by itself
};

enum class HostEvent : uint8_t {
  kIdle,          // nothing to do
  kWorking,       // one slice done; poll again
  kNeedScratch,   // cannot go on without scratch; nothing done
  kTrial,         // the model given to try_model() serves
  kRunning,       // the model given to run() serves
  kInvokeFailed,  // the confirmed model failed an inference; it goes on serving
  kReturned,      // the model from before serves again; last_report() says why the candidate does not
  kStopped,       // the candidate failed, as last_report() says, and there is no model to serve
};

class ModelHost {
 public:
  enum class State : uint8_t {
    kEmpty,
    kRunning,
    kMeasuring,
    kPreparing,
    kTesting,
    kTrial,
    kRestoring,
  };

  // Borrows both engines (different ones, both empty) and the arena, for its own life.
  ModelHost(Engine& a, Engine& b, const MutableBytes& arena);
  ModelHost(const ModelHost&) = delete;
  ModelHost& operator=(const ModelHost&) = delete;

  // Commands. kBusy where the table above has a dash.
  Status run(const HostedModel& model) { return start(model, false); }       // serve it; there is none before it
  Status try_model(const HostedModel& model) { return start(model, true); }  // the running one stays to return to
  Status start(const HostedModel& model, bool trial);                        // one of the two
  Status return_to_previous();  // give the candidate up, at any point until it is confirmed
  Status confirm();             // the trial is over: the previous model is forgotten
  Status stop();                // serve nothing and let go of every byte

  // One slice: at most a measure, a prepare, or one operator of a self-test. Never during an inference. Scratch
  // is used by measure and prepare only: see needs_scratch().
  HostEvent poll(MutableBytes scratch);
  bool needs_scratch() const;

  // For the application. Without a serving model: kNoModel, counts 0, tensors empty.
  Status invoke();
  bool serving() const { return serving_ != nullptr; }
  bool warming_up() const { return serving() && warm_up_left_ > 0; }
  IoTensor tensor(Io which, uint32_t index) const;
  IoTensor input(uint32_t index) const { return tensor(Io::kInput, index); }
  IoTensor output(uint32_t index) const { return tensor(Io::kOutput, index); }
  uint32_t count(Io which) const;
  uint32_t input_count() const { return count(Io::kInput); }
  uint32_t output_count() const { return count(Io::kOutput); }
  // Changes whenever tensors obtained before may no longer be used.
  uint32_t generation() const { return generation_; }

  State state() const { return state_; }
  uint32_t serving_id() const { return serving() ? serving_->model.id : 0; }  // 0 without one
  // Why the last candidate, or the last inference, failed. Without an error: none did, and the owner gave it up.
  const Report& last_report() const { return report_; }
  uint32_t healthy_inferences() const { return healthy_; }  // since it serves, warm-up excluded
  bool confirm_due() const;                                 // on trial, it has done as many of them as it has to
  uint64_t longest_block() const;  // of everything prepared: what one poll or one step costs at most

  // Does anything here still refer to these bytes? Storage may erase them only when not.
  bool holds(Bytes bytes) const;

 private:
  // An engine, the model it holds or is to hold, and how much of the arena that takes.
  struct Side {
    Engine* engine = nullptr;
    bool prepared = false;  // `engine` holds the model
    uint32_t arena_bytes = 0;
    HostedModel model;  // of no bytes: none
  };

  bool has_candidate() const { return state_ >= State::kMeasuring && state_ <= State::kTrial; }
  Error measure(const MutableBytes& scratch);
  Error prepare(Side* side, const MutableBytes& scratch);
  Error test();
  Error activate();
  HostEvent restore(const MutableBytes& scratch);
  void keep_report(const Side& side, Error error);
  void give_up();
  void settle();
  Error exchange(Io which, const SelfTestVector& vector);
  MutableBytes arena_of(const Side& side) const;
  void serve(Side* side);
  static void forget(Side* side);

  State state_ = State::kEmpty;
  bool trial_ = false;                    // the candidate goes on trial, rather than straight to running
  HostEvent pending_ = HostEvent::kIdle;  // found by invoke(), told by the next poll()
  uint32_t generation_ = 0;
  uint32_t exchanges_ = 0;  // of the self-test, two a vector: what goes in, what comes out
  uint32_t warm_up_left_ = 0;
  uint32_t healthy_ = 0;
  MutableBytes arena_;
  Side* old_ = &sides_[0];  // of the model to return to
  Side* candidate_ = &sides_[1];
  Side* serving_ = nullptr;  // null: nobody
  Side sides_[2];
  Report report_;
};

}  // namespace runtime
}  // namespace roost
