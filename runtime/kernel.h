// The seam between the interpreter and its operators: one Kernel says how one operator, on one set of types, is
// judged, prepared and run.
//
// A kernel is a constant in a file of its own (kernels/NAME.cc). The application hands the interpreter a list of
// pointers to those it wants, and only these are linked:
//
//   const Kernel* const kMine[] = {&kConv2dInt8, &kSoftmaxInt8};
//
// The contract, which is what makes a refused model safe and an accepted one harmless:
// - `prepare` checks everything that `invoke` relies on: types, shapes against each other, scales and zero points,
//   constant operands and their values, options, that no accumulator can overflow (or that it wraps definedly). The
//   gate has checked each tensor by itself (tensor.h), and between tensors what the Kernel demands, no more.
// - `invoke` reads its inputs, its own data and its scratch, writes its outputs, its variables and its scratch, and
//   nothing else. After a `prepare` that said kNone it stays inside them whatever the inputs' values are.
// - `prepare` computes in integers and single IEEE operations, the same everywhere; no double in integer kernels.
// - No state outside `data`; no calls out.
#pragma once

#include <stdint.h>

#include "base/span.h"
#include "runtime/error.h"
#include "runtime/model_view.h"
#include "runtime/options.h"
#include "runtime/schema_generated.h"
#include "runtime/tensor.h"

namespace roost {
namespace runtime {

using tflite::BuiltinOperator;

// Where an inference's tensors are.
struct TensorPlaces {
  uint8_t* arena;
  const uint32_t* offsets;  // per tensor of the subgraph; of constants undefined
  uint8_t* scratch;         // of the operator at hand
};

// One operator of a subgraph, as a kernel sees it.
class OperatorView {
 public:
  // Borrows both. `places` is null while the gate judges.
  OperatorView(const Graph& graph, uint32_t op_index, const TensorPlaces* places);

  uint32_t input_count() const { return inputs_.size(); }
  uint32_t output_count() const { return outputs_.size(); }

  // Tensors' indices in the subgraph.
  Numbers inputs() const { return inputs_; }
  Numbers outputs() const { return outputs_; }

  // An input beyond the count, or given as -1, is absent. input() and output() are for those that are there.
  bool has_input(uint32_t index) const { return input_index(index) >= 0; }
  Tensor input(uint32_t index) const { return tensor(inputs_, index); }
  Tensor output(uint32_t index) const { return tensor(outputs_, index); }
  // The output's index in the subgraph, for traces.
  int32_t output_index(uint32_t index) const { return outputs_[index]; }

  // Their bytes alone, which is all that most kernels want in invoke; null for an absent input.
  template <typename T>
  const T* input_data(uint32_t index) const {
    return reinterpret_cast<const T*>(input_bytes(index));
  }
  template <typename T>
  T* output_data(uint32_t index) const {
    return reinterpret_cast<T*>(output_bytes(index));
  }

  // In invoke: the scratch_bytes asked for, aligned to kArenaAlignment, undefined contents, gone when invoke
  // returns.
  template <typename T>
  T* scratch() const {
    return reinterpret_cast<T*>(places_->scratch);
  }

 protected:
  int32_t input_index(uint32_t index) const;
  const uint8_t* input_bytes(uint32_t index) const;
  uint8_t* output_bytes(uint32_t index) const;
  uint8_t* place_of(int32_t index) const;
  Tensor tensor(Numbers operands, uint32_t index) const;

  const Graph& graph_;
  const tflite::Operator* op_;
  Numbers inputs_;
  Numbers outputs_;
  const TensorPlaces* places_;
};

// The bytes an operator's data is aligned to. It has no pointers and no field wider than 32 bits, so that it has the
// same size on host and device, and the arena need computed on one holds on the other.
enum : uint32_t { kOperatorDataAlignment = 4 };

// What one operator needs; all zero before prepare.
struct Needs {
  uint32_t scratch_bytes = 0;  // during invoke
  uint64_t macs = 0;           // multiply-accumulates per inference, 0 for operators that have none
  uint64_t steps = 0;  // other work that grows with the tensors: elements visited. Both must bound the time.
};

struct Kernel;

// One operator that is judged, and what its kernel says of it.
class Preparation : public OperatorView {
 public:
  // Of an operator that has an output; its tensors have been checked. Its data goes to the arena, as far as that fits,
  // at `*end`, which grows by it whether it fits or not.
  Preparation(const Graph& graph, uint32_t op_index, const MutableBytes& arena, uint32_t* end);

  // Everything: the version, what the kernel demands, its own opinion.
  Error judge(const Kernel& kernel, int32_t version);

  // The options that the kernel asked for, verified; null where it does not demand them and the file has none.
  template <typename Options>
  const Options* options() const {
    return static_cast<const Options*>(options_);
  }

  // Appends to the operator's data, which invoke will find; kept in the arena from prepare to release.
  template <typename Data>
  Error keep(const Data& data) {
    static_assert(sizeof data % kOperatorDataAlignment == 0, "what is appended next must be aligned");
    return keep(&data, sizeof data);
  }

  const Tensor in;      // the first input; where there is none, the first output
  const Tensor second;  // the second input, likewise
  const Tensor out;     // the first output
  Needs needs;

 private:
  Tensor operand(uint32_t index) const;
  Error check_operands(const Kernel& kernel) const;
  Error find_options(const Kernel& kernel);
  Error keep(const void* data, uint32_t bytes);

  const void* options_ = nullptr;
  const MutableBytes& arena_;
  uint32_t* const end_;
};

// What the gate demands of an operator before `prepare` sees it.
enum Demand : uint8_t {
  kOneOutput = 1 << 0,
  kSameType = 1 << 1,   // the output's type is the first input's
  kSameShape = 1 << 2,  // so is its shape
  kPerTensor = 1 << 3,  // the first input and the output have one scale and one zero point each
  kWeights = 1 << 4,    // the second input is constant, and its type the first one's
  kOptions = 1 << 5,    // the options must be there
  kUnary = kOneOutput | kSameType | kSameShape,
};

struct Kernel {
  BuiltinOperator op;
  uint32_t types;              // type_bit()s of the first input's type (the output's where there is no input)
  uint8_t version_max;         // of the operator, as in OperatorCode::version: `prepare` understands 1 to this
  uint8_t inputs_min;          // that many come first and are present
  uint8_t inputs_max;          // or kAnyCount
  uint8_t demands;             // Demands, together
  const OptionsKind* options;  // which options it reads, options_kind<...>(); null: none

  // Judges the operator beyond that, says what it needs, and keeps the data for `invoke`. The bytes of tensors that
  // are not constant must not be touched.
  Error (*prepare)(Preparation& op);

  // One run. `data` is as prepare left it.
  Error (*invoke)(const OperatorView& op, const void* data);

  bool takes(int32_t version) const { return version >= 1 && version <= version_max; }
};

enum : uint8_t { kAnyCount = UINT8_MAX };

using KernelList = Span<const Kernel* const>;

enum : uint32_t { kAnyType = UINT32_MAX };

// The place in the list of the first kernel for an operator whose first operand has one of these types, given as
// type_bit()s; null if there is none.
const Kernel* const* find_kernel(const KernelList& kernels, BuiltinOperator op, uint32_t types);

}  // namespace runtime
}  // namespace roost
