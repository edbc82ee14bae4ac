// The seam between the interpreter and its operators: one Kernel says how one operator, on one set of types, is
// judged, prepared and run.
//
// A kernel is a constant in a file of its own (kernels/NAME.cc). The application hands the interpreter a list of
// pointers to those it wants, and only these are linked:
//
//   const Kernel* const kMine[] = {&kConv2dInt8, &kSoftmaxInt8};
//
// The contract, which is what makes a refused model safe and an accepted one harmless:
// - `prepare` checks everything that `invoke` relies on: number of operands, types, shapes against each other,
//   scales and zero points, constant operands and their values, options, that no accumulator can overflow (or
//   that it wraps definedly). The gate has checked each tensor by itself (tensor.h) and nothing between tensors.
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

// Where an inference's tensors are. Null and empty while the gate judges.
struct TensorPlaces {
  uint8_t* arena;
  const uint32_t* offsets;  // per tensor of the subgraph; of constants undefined
  uint8_t* scratch;         // of the operator at hand
};

// One operator of a subgraph, as a kernel sees it.
class OperatorView {
 public:
  // Borrows the graph.
  OperatorView(const Graph& graph, uint32_t op_index, const TensorPlaces& places);

  uint32_t input_count() const { return static_cast<uint32_t>(inputs_.size()); }
  uint32_t output_count() const { return static_cast<uint32_t>(outputs_.size()); }

  // Tensors' indices in the subgraph.
  const Span<const int32_t>& inputs() const { return inputs_; }
  const Span<const int32_t>& outputs() const { return outputs_; }

  // An input beyond the count, or given as -1, is absent. input() and output() are for those that are there.
  bool has_input(uint32_t index) const;
  Tensor input(uint32_t index) const;
  Tensor output(uint32_t index) const;
  // The output's index in the subgraph, for traces.
  int32_t output_index(uint32_t index) const { return outputs_[index]; }
  int32_t output_tensor_index(uint32_t index) const { return outputs_[index]; }

  // Their bytes alone, which is all that most kernels want in invoke.
  template <typename T>
  const T* input_data(uint32_t index) const {
    return reinterpret_cast<const T*>(data_of(input_index(index)));
  }
  template <typename T>
  T* output_data(uint32_t index) const {
    return reinterpret_cast<T*>(place_of(outputs_[index]));
  }

  // The type that selects the kernel: the first input's, or the first output's where there is no input. False if
  // there is neither.
  bool deciding_type(TensorType* type) const;

  // kOperatorOperands unless there are inputs_min to inputs_max inputs, the first inputs_min of them present, and
  // exactly `outputs` outputs. Call it first: input() and output() may be used afterwards.
  Error expect_operands(uint32_t inputs_min, uint32_t inputs_max, uint32_t outputs) const;

  // The operator's options, verified as that table. *options is null where the file has none; kOptions when they
  // are those of another operator or broken. Only for prepare: it is not fast.
  template <typename Options>
  Error options(const Options** options) const {
    const void* table = nullptr;
    const Error error = find_options(OptionsType<Options>::kValue, OptionsType<Options>::table(), &table);
    *options = static_cast<const Options*>(table);
    return error;
  }
  // The same for tables that are told apart at run time. `*table` has been null before.
  Error find_options(uint8_t number, const FlatTable& description, const void** table) const;

  // In invoke: the scratch_bytes asked for, aligned to kArenaAlignment, undefined contents, gone when invoke
  // returns.
  template <typename T>
  T* scratch() const {
    return reinterpret_cast<T*>(places_.scratch);
  }

 private:
  int32_t input_index(uint32_t index) const;
  uint8_t* place_of(int32_t index) const;
  uint8_t* data_of(int32_t index) const;
  Tensor tensor(int32_t index) const;

  const Graph& graph_;
  const tflite::Operator* op_;
  Span<const int32_t> inputs_;
  Span<const int32_t> outputs_;
  TensorPlaces places_;
};

// The bytes an operator's data is aligned to. Its struct has no pointers and no field wider than 32 bits, so that
// it has the same size on host and device, and the arena need computed on one holds on the other.
enum : uint32_t { kOperatorDataAlignment = 4 };

// Work is counted in 64 bits, and stops at the largest number.
uint64_t saturating_add(uint64_t a, uint64_t b);

// What one operator needs; all zero before prepare.
struct Needs {
  uint32_t data_bytes = 0;     // kept in the arena's persistent part from prepare to release
  uint32_t scratch_bytes = 0;  // during invoke
  uint64_t macs = 0;           // multiply-accumulates per inference, 0 for operators that have none
  uint64_t steps = 0;  // other work that grows with the tensors: elements visited. Both must bound the time.
};

struct Kernel {
  BuiltinOperator op;
  uint32_t types;       // type_bit()s of the first input's type (the first output's where there is no input)
  int32_t version_min;  // versions of the operator, as in OperatorCode::version, that `prepare` understands
  int32_t version_max;

  // Called with data null, to judge the operator and to fill in `needs`; and where it is to run, once more, with the
  // same answer and `needs` as the first call left it, and needs.data_bytes to fill. The bytes of tensors that are
  // not constant must not be touched in either call.
  Error (*prepare)(const OperatorView& op, Needs& needs, void* data);

  // One run. `data` is as prepare left it.
  Error (*invoke)(const OperatorView& op, const void* data);
};

using KernelList = Span<const Kernel* const>;

enum : uint32_t { kAnyType = UINT32_MAX };

// The place in the list of the first kernel for an operator whose first operand has one of these types, given as
// type_bit()s; null if there is none.
const Kernel* const* find_kernel(const KernelList& kernels, BuiltinOperator op, uint32_t types);

}  // namespace runtime
}  // namespace roost
