// runtime::Engine over TensorFlow Lite Micro, for firmware that carries it already: Roost delivers, stores, judges
// and swaps the models, TFLM runs them. Compiled against the firmware's own copy of TFLM (README.md).
//
//   static tflite::MicroMutableOpResolver<6> resolver;           // in a file that includes TFLM and not this
//   const tflite::MicroOpResolver& my_resolver();
//
//   roost::runtime::GateInput gate;                               // which operators, which limits, as always
//   static roost::tflm::TflmEngine engine_a(gate, my_resolver()), engine_b(gate, my_resolver());
//   config.engine_a = &engine_a;                                 // of the device::AgentConfig
//   config.engine_b = &engine_b;
//
// What is promised beyond runtime/engine.h, and what is not:
// - No model runs that has not passed Roost's gate: prepare runs it, with the operators in `gate.kernels`, and after
//   it TFLM's own verifier, since TFLM reads parts of the file that ours does not. A file that brings its own plan of
//   the arena is refused as malformed. TFLM itself trusts the file.
// - TFLM has no public way to run one operator, so step() is a whole inference, and longest_block() its whole work.
//   A self-test of ModelHost then takes one inference for each poll.
// - TFLM does not say what arena it needs before it has it, and its kernels write through a null pointer when it is
//   too small. measure() therefore answers with a bound that is never too small for the reference kernels of the
//   operators that the gate judges (the report says by how much it is too large), and prepare refuses less than
//   that with kArenaTooSmall before TFLM is asked. Kernels that ask for more memory than those (CMSIS-NN's scratch,
//   vendor libraries) need `extra_arena_bytes`.
// - What the resolver lacks is kOperatorMissing; what TFLM's own preparation refuses, kEngineRefused.
// - reset() is MicroInterpreter::Reset: variables, and whatever state kernels keep.
#pragma once

#include <stdint.h>

#include "device/ports/tflm/tflm_session.h"
#include "runtime/engine.h"
#include "runtime/gate.h"

namespace roost {
namespace tflm {

class TflmEngine final : public runtime::Engine {
 public:
  // Borrows what `gate` points to, and the resolver, for its own life.
  TflmEngine(const runtime::GateInput& gate, const tflite::MicroOpResolver& resolver,
             uint32_t extra_arena_bytes = 0)
      : gate_(gate), resolver_(resolver), extra_arena_bytes_(extra_arena_bytes) {}
  TflmEngine(const TflmEngine&) = delete;
  TflmEngine& operator=(const TflmEngine&) = delete;

  // What TFLM uses of the arena of the prepared model: at most what measure answered. 0 without one.
  uint32_t used_bytes() const { return session_ ? tflm::used_bytes(session_) : 0; }

  runtime::Status judge(const Bytes& model, const MutableBytes& scratch, runtime::Judgement* judgement) override;
  runtime::Status prepare(const Bytes& model, const MutableBytes& arena, const MutableBytes& scratch) override;
  runtime::Result<runtime::Progress> step() override;
  runtime::Status reset() override;
  void release() override;
  runtime::IoTensor tensor(runtime::Io which, uint32_t index) const override;
  uint64_t longest_block() const override { return work_; }
  const runtime::Report& report() const override { return report_; }

 private:
  bool all_resolve(Bytes model);
  bool all_placed();
  runtime::Error fail(runtime::Error error);

  runtime::GateInput gate_;
  const tflite::MicroOpResolver& resolver_;
  uint32_t extra_arena_bytes_;
  Session* session_ = nullptr;  // in the arena
  Bytes model_;
  uint64_t work_ = 0;
  runtime::Report report_;
};

}  // namespace tflm
}  // namespace roost
