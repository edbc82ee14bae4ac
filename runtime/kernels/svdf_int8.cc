// SVDF on int8, with a state and time weights of int8 or int16.
//
// A fused activation is not applied: the reference relies on the output's quantisation to do it.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"
#include "runtime/kernels/svdf.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  SvdfShape shape;
  int32_t input_offset;  // what is added to inputs: minus their zero point
  int32_t state_zero_point;
  int32_t zero_point;
  Multiplier to_state;
  Multiplier to_output;
};

// a x b / c as the reference takes it: in single precision.
Error single_multiplier(float a, float b, float c, Multiplier* multiplier) {
  const float ab = a * b;
  if (!is_usable_scale(ab)) return Error::kOperandQuantisation;
  return multiplier_of(ab / c, 1.0f, 1.0f, multiplier);
}

Error expect_types(const Preparation& op) {
  const TensorType state = op.input(kSvdfState).type();
  if (state != TensorType::INT8 && state != TensorType::INT16) return Error::kOperandType;
  return expect_type(op.input(kSvdfTimeWeights), state);
}

Error expect_quantisation(const Preparation& op, int32_t inputs) {
  ROOST_RETURN_IF_ERROR(expect_per_tensor(op.second));
  for (const uint32_t index : {kSvdfTimeWeights, kSvdfState}) {
    ROOST_RETURN_IF_ERROR(expect_per_tensor(op.input(index)));
  }
  if (op.input(kSvdfTimeWeights).zero_point() != 0) return Error::kOperandQuantisation;
  return expect_weights(op.second, 0, static_cast<uint32_t>(inputs));
}

Error prepare(Preparation& op) {
  Data data;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(svdf_shape(op, TensorType::INT32, &data.shape, &activation));
  if (activation != ActivationFunctionType::NONE && activation != ActivationFunctionType::RELU) {
    return Error::kOptions;
  }
  ROOST_RETURN_IF_ERROR(expect_types(op));
  ROOST_RETURN_IF_ERROR(expect_quantisation(op, data.shape.inputs));
  const Tensor state = op.input(kSvdfState);
  ROOST_RETURN_IF_ERROR(single_multiplier(op.in.scale(), op.second.scale(), state.scale(), &data.to_state));
  ROOST_RETURN_IF_ERROR(
      single_multiplier(state.scale(), op.input(kSvdfTimeWeights).scale(), op.out.scale(), &data.to_output));
  data.input_offset = -op.in.zero_point();
  data.state_zero_point = state.zero_point();
  data.zero_point = op.out.zero_point();
  return op.keep(data);
}

// The newest value of every filter, the last in its row of the state.
template <typename State>
void filter_input(const OperatorView& op, const Data& data, Range range, State* state) {
  const SvdfShape& shape = data.shape;
  const int8_t* in = op.input_data<int8_t>(kSvdfInput);
  State* newest = state + shape.memory - 1;
  for (int32_t batch = 0; batch < shape.batches; ++batch) {
    const int8_t* weights = op.input_data<int8_t>(kSvdfFeatureWeights);
    for (int32_t filter = 0; filter < shape.filters; ++filter) {
      const int32_t sum = dot(in, weights, shape.inputs, data.input_offset, 0);
      // Clamped before the zero point is added, as in the reference, so that the addition may wrap.
      const int32_t scaled = clamp(rescale(sum, data.to_state), range.low, range.high);
      *newest = static_cast<State>(scaled + data.state_zero_point);
      newest += shape.memory;
      weights += shape.inputs;
    }
    in += shape.inputs;
  }
}

// Sums may wrap: values and weights of 16 bits leave no room for more than two products.
template <typename State>
int32_t remembered(const State* row, const State* weights, const Data& data) {
  uint32_t sum = 0;
  for (int32_t i = 0; i < data.shape.memory; ++i) {
    sum += static_cast<uint32_t>(weights[i]) * static_cast<uint32_t>(row[i] - data.state_zero_point);
  }
  return static_cast<int32_t>(sum);
}

template <typename State>
void run(const OperatorView& op, const Data& data, Range state_range) {
  const SvdfShape& shape = data.shape;
  State* state = op.input(kSvdfState).mutable_data<State>();
  age(shape, state);
  filter_input(op, data, state_range, state);
  const int32_t* bias = op.input_data<int32_t>(kSvdfBias);
  const State* row = state;
  int8_t* out = op.output_data<int8_t>(0);
  for (int32_t batch = 0; batch < shape.batches; ++batch) {
    const State* weights = op.input_data<State>(kSvdfTimeWeights);
    for (int32_t unit = 0; unit < shape.filters / shape.rank; ++unit) {
      int32_t sum = bias ? bias[unit] : 0;
      for (int32_t i = 0; i < shape.rank; ++i) {
        sum = wrapping_add(sum, remembered(row, weights, data));
        row += shape.memory;
        weights += shape.memory;
      }
      *out++ = static_cast<int8_t>(to_output(sum, data.to_output, data.zero_point, {INT8_MIN, INT8_MAX}));
    }
  }
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  if (op.input(kSvdfState).type() == TensorType::INT8) {
    run<int8_t>(op, data, {INT8_MIN, INT8_MAX});
  } else {
    run<int16_t>(op, data, {INT16_MIN, INT16_MAX});
  }
  return Error::kNone;
}

}  // namespace

const Kernel kSvdfInt8 = {BuiltinOperator::SVDF,
                          type_bit(TensorType::INT8),
                          4,
                          3,
                          5,
                          kOneOutput | kSameType | kWeights | kPerTensor | kOptions,
                          options_kind<tflite::SVDFOptions>(),
                          prepare,
                          invoke};

}  // namespace runtime
}  // namespace roost
