// ModelGate: judges a model before anything of it is used. Nothing that came by air is trusted, signed or not.
//
// What passes has a sound FlatBuffer, sound tensors, each written once and before it is read, only operators that
// the given kernels accept with exactly these operands, and fits the limits, the arena and the declared inputs and
// outputs. A model that passes can only read itself and the arena, and only write the arena (DESIGN.md).
//
// The judgement is the same on host and device. It needs scratch (the device lends its idle ring): 4 bytes per
// tensor and 16 per tensor or operator scratch that lives in the arena. It keeps nothing.
//
//   GateInput input;
//   input.kernels = all_kernels();
//   Report report;
//   Judgement j;
//   if (!ModelGate(input).judge(model, scratch, &j, &report)) { describe(report, text); ... }
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/kernel.h"
#include "runtime/report.h"

namespace roost {
namespace runtime {

// A dimension the application does not care about.
enum : int32_t { kAnyDimension = -1 };

// What the application expects one input or output to be.
struct TensorSpec {
  TensorType type;
  Span<const int32_t> shape;
  bool any_quantisation = true;  // else exactly the two below
  float scale = 0;
  int32_t zero_point = 0;
};

// All inputs and all outputs, in order. A contract that is not `declared` accepts any.
struct IoContract {
  bool declared = false;
  Span<const TensorSpec> inputs;
  Span<const TensorSpec> outputs;
};

// Bounds on time and on the gate's own work. The defaults suit a microcontroller with models up to a few hundred
// kilobytes and do not bind on a host either.
struct GateLimits {
  uint32_t arena_bytes = UINT32_MAX;
  uint64_t work = UINT64_MAX;  // multiply-accumulates plus other steps, per inference; beyond 2^64 never
  uint32_t subgraphs = 16;
  uint32_t tensors = 4096;    // of all subgraphs
  uint32_t operators = 2048;  // of all subgraphs
  uint32_t buffers = 8192;
};

struct GateInput {
  KernelList kernels;
  GateLimits limits;
  IoContract io;
};

// What is known about a model that passed. Without defaults: who judges fills in all of it.
struct Judgement {
  uint32_t arena_bytes;       // persistent_bytes and the planned tensors, a multiple of kArenaAlignment
  uint32_t persistent_bytes;  // tables, operators' data, variables: kept between inferences
  uint32_t variable_bytes;    // the variables of it
  uint64_t macs;              // multiply-accumulates per inference
  uint64_t work;              // macs and other steps
  uint64_t longest_work;      // of one operator
  uint32_t operators;
  uint32_t tensors;
};

// The gate's first step, FlatBuffers verification: after it every offset, length and alignment in the tables of
// schema.fbs is sound, and nothing else is known. Errors: kMisalignedModel, kNotAModel, kMalformed, kTooComplex.
Error verify_file(const Bytes& model, const GateLimits& limits);

class ModelGate {
 public:
  // Borrows `input`.
  explicit ModelGate(const GateInput& input) : input_(input) {}

  // True if the model passes; `judgement` is then complete. Otherwise `report` says why not. `model` starts at a
  // multiple of kModelAlignment; `scratch` at any address. An arena that is no smaller than the judgement says is ready
  // for running the model (arena_layout.h), any other has undefined contents.
  bool judge(const Bytes& model, const MutableBytes& scratch, Judgement* judgement, Report* report,
             const MutableBytes& arena = MutableBytes()) const;

 private:
  const GateInput& input_;
};

}  // namespace runtime
}  // namespace roost
