// SVDF on float32.
#include "runtime/kernels/all.h"
#include "runtime/kernels/float_common.h"
#include "runtime/kernels/svdf.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  SvdfShape shape;
  FloatRange range;
};

Error prepare(Preparation& op) {
  Data data;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(svdf_shape(op, TensorType::FLOAT32, &data.shape, &activation));
  for (const uint32_t index : {kSvdfTimeWeights, kSvdfState}) {
    ROOST_RETURN_IF_ERROR(expect_type(op.input(index), TensorType::FLOAT32));
  }
  ROOST_RETURN_IF_ERROR(activation_range(activation, &data.range));
  return op.keep(data);
}

float dot(const float* a, const float* b, int32_t length) {
  float sum = 0;
  for (int32_t i = 0; i < length; ++i) sum += a[i] * b[i];
  return sum;
}

// The newest value of every filter, the last in its row of the state.
void filter_input(const OperatorView& op, const SvdfShape& shape, float* state) {
  const float* in = op.input_data<float>(kSvdfInput);
  float* newest = state + shape.memory - 1;
  for (int32_t batch = 0; batch < shape.batches; ++batch, in += shape.inputs) {
    const float* weights = op.input_data<float>(kSvdfFeatureWeights);
    for (int32_t filter = 0; filter < shape.filters; ++filter) {
      *newest = dot(weights, in, shape.inputs);
      newest += shape.memory;
      weights += shape.inputs;
    }
  }
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const SvdfShape& shape = data.shape;
  float* state = op.input(kSvdfState).mutable_data<float>();
  age(shape, state);
  filter_input(op, shape, state);
  const float* bias = op.input_data<float>(kSvdfBias);
  const float* row = state;
  float* out = op.output_data<float>(0);
  for (int32_t batch = 0; batch < shape.batches; ++batch) {
    const float* weights = op.input_data<float>(kSvdfTimeWeights);
    for (int32_t unit = 0; unit < shape.filters / shape.rank; ++unit) {
      float sum = bias ? bias[unit] : 0.0f;
      for (int32_t i = 0; i < shape.rank; ++i) {
        sum += dot(weights, row, shape.memory);
        row += shape.memory;
        weights += shape.memory;
      }
      *out++ = clamp(sum, data.range);
    }
  }
  return Error::kNone;
}

}  // namespace

const Kernel kSvdfFloat = {BuiltinOperator::SVDF,
                           type_bit(TensorType::FLOAT32),
                           4,
                           3,
                           5,
                           kOneOutput | kSameType | kWeights | kOptions,
                           options_kind<tflite::SVDFOptions>(),
                           prepare,
                           invoke};

}  // namespace runtime
}  // namespace roost
