#include "device/ports/tflm/tflm_session.h"

#include <string.h>

#include <new>

#include "flatbuffers/flatbuffers.h"
#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace roost {
namespace tflm {
namespace {

// Beyond what sizeof says: TFLM's own objects at the arena's end (allocators, planner), with their alignment.
constexpr uint32_t kFixedBytes = 64 * sizeof(void*) + 512;
// An operator's parsed options and its kernel's data (OpData...), each rounded up to 16. The largest of the
// reference kernels' for the operators that Roost's gate judges is that of SVDF, with 64-bit pointers 112.
constexpr uint32_t kOperatorDataBytes = 176;
constexpr uint32_t kScratchHandleBytes = 2 * sizeof(void*);
// While planning, and gone after: the planner's lists and the lifetimes, per tensor or scratch.
constexpr uint32_t kPlannerBytes = 64 + 5 * sizeof(void*);
constexpr uint32_t kAlignment = 16;

const char kArenaPlan[] = "OfflineMemoryAllocation";

constexpr uint64_t align_up(uint64_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

class Session {
 public:
  Session(const tflite::Model* model, const tflite::MicroOpResolver& resolver, uint8_t* arena, size_t size_bytes)
      : interpreter_(model, resolver, arena, size_bytes) {}

  // In place of `delete`, which would want a heap.
  void destroy() { this->~Session(); }

  tflite::MicroInterpreter& interpreter() { return interpreter_; }
  const tflite::MicroInterpreter& interpreter() const { return interpreter_; }

 private:
  ~Session() = default;

  tflite::MicroInterpreter interpreter_;
};

namespace {

constexpr size_t kSessionBytes = (sizeof(Session) + kAlignment - 1) / kAlignment * kAlignment;

Placed placed(const TfLiteTensor* tensor) {
  if (tensor == nullptr) return Placed{nullptr, 0};
  return Placed{reinterpret_cast<uint8_t*>(tensor->data.raw), tensor->bytes};
}

}  // namespace

uint32_t arena_bound(const ModelSize& model) {
  constexpr uint32_t kNodeBytes = sizeof(tflite::NodeAndRegistration);
  const uint64_t scratch = model.operators;  // one each: more than any of these kernels asks for
  uint64_t kept = kSessionBytes + kFixedBytes;
  kept += model.subgraphs * (sizeof(tflite::SubgraphAllocations) + 2 * kAlignment);
  kept += uint64_t{model.tensors} * sizeof(TfLiteEvalTensor);
  kept += uint64_t{model.operators} * (kNodeBytes + kOperatorDataBytes);
  kept += scratch * kScratchHandleBytes;
  kept += uint64_t{model.channels} * 2 * sizeof(int32_t) + uint64_t{model.operators} * 2 * kAlignment;
  kept += uint64_t{model.inputs_and_outputs} * (sizeof(TfLiteTensor) + sizeof(TfLiteAffineQuantization) + 64);
  const uint64_t planning = (model.tensors + scratch) * kPlannerBytes;
  const uint64_t tensors = model.tensor_bytes;
  const uint64_t all = align_up(kept) + align_up(planning > tensors ? planning : tensors);
  return all > UINT32_MAX - kAlignment ? UINT32_MAX - kAlignment + 1 : static_cast<uint32_t>(all);
}

bool sound(const void* model, size_t size_bytes) {
  flatbuffers::Verifier verifier(static_cast<const uint8_t*>(model), size_bytes);
  if (!tflite::VerifyModelBuffer(verifier)) return false;
  const auto* metadata = tflite::GetModel(model)->metadata();
  for (uint32_t i = 0; metadata != nullptr && i < metadata->size(); ++i) {
    const auto* name = metadata->Get(i)->name();
    if (name != nullptr && strcmp(name->c_str(), kArenaPlan) == 0) return false;
  }
  return true;
}

bool resolves(const tflite::MicroOpResolver& resolver, int32_t builtin_operator) {
  return resolver.FindOp(static_cast<tflite::BuiltinOperator>(builtin_operator)) != nullptr;
}

Session* open(const void* model, const tflite::MicroOpResolver& resolver, uint8_t* memory, size_t size_bytes) {
  if (size_bytes <= kSessionBytes) return nullptr;
  // When AllocateTensors fails half-way, the destructor goes over operators that nobody has set up.
  memset(memory, 0, size_bytes);
  Session* const session =
      new (memory) Session(tflite::GetModel(model), resolver, memory + kSessionBytes, size_bytes - kSessionBytes);
  if (session->interpreter().AllocateTensors() == kTfLiteOk) return session;
  session->destroy();
  return nullptr;
}

void close(Session* session) {
  session->destroy();
}

bool invoke(Session* session) {
  return session->interpreter().Invoke() == kTfLiteOk;
}

bool reset(Session* session) {
  return session->interpreter().Reset() == kTfLiteOk;
}

Placed input(Session* session, uint32_t index) {
  return placed(index < session->interpreter().inputs_size() ? session->interpreter().input(index) : nullptr);
}

Placed output(Session* session, uint32_t index) {
  return placed(index < session->interpreter().outputs_size() ? session->interpreter().output(index) : nullptr);
}

uint32_t used_bytes(const Session* session) {
  return static_cast<uint32_t>(kSessionBytes + session->interpreter().arena_used_bytes());
}

}  // namespace tflm
}  // namespace roost
