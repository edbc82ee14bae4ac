// One tflite::MicroInterpreter in lent memory: the side of the adapter that knows TensorFlow Lite Micro.
//
// A header of plain types. Its implementation includes TFLM's headers and nothing of Roost's runtime, tflm_engine.cc
// the other way round, so that the two copies of FlatBuffers never meet in one translation unit (README.md).
//
// What TFLM demands and does not check itself, and the caller (TflmEngine) therefore must: the model has passed the
// gate and is sound(); every operator resolves; `memory` has arena_bound() bytes at least. TFLM's kernels write
// through the null pointer that a full arena gives them.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tflite {
class MicroOpResolver;
}

namespace roost {
namespace tflm {

class Session;  // at the start of the memory that open() was given

struct Placed {
  uint8_t* data;  // null: no such tensor, or no memory for it
  size_t size_bytes;
};

// What the arena must hold, counted by whoever has read the model. Of all subgraphs.
struct ModelSize {
  uint32_t subgraphs;
  uint32_t tensors;
  uint32_t operators;
  uint32_t inputs_and_outputs;  // of the main subgraph
  uint32_t channels;            // of all quantised filters: TFLM keeps a multiplier and a shift for each
  uint32_t tensor_bytes;        // the planned tensors, scratch and variables
};

// Memory that is enough for TFLM, its interpreter object included; a multiple of 16. Saturates.
uint32_t arena_bound(const ModelSize& model);

// What TFLM reads beyond what the gate has verified: TFLM's own verifier passes, since our schema leaves fields
// unread that TFLM reads; and the file brings no plan of the arena (metadata "OfflineMemoryAllocation"), whose offsets
// TFLM believes, negative ones included.
bool sound(const void* model, size_t size_bytes);

// Does the resolver know this operator (the public format's number)? Custom operators are never asked for.
bool resolves(const tflite::MicroOpResolver& resolver, int32_t builtin_operator);

// Makes an interpreter at `memory` (a multiple of 16) and lets it allocate its tensors. Null when that fails;
// nothing is kept then. The model, the resolver and the memory stay until close().
Session* open(const void* model, const tflite::MicroOpResolver& resolver, uint8_t* memory, size_t size_bytes);
void close(Session* session);

bool invoke(Session* session);
bool reset(Session* session);  // variables and operators' own state, as after open()
Placed input(Session* session, uint32_t index);
Placed output(Session* session, uint32_t index);
uint32_t used_bytes(const Session* session);  // of the memory, the interpreter object included

}  // namespace tflm
}  // namespace roost
