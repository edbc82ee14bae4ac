// SOFTMAX on float32, along the last axis.
#include <float.h>
#include <math.h>

#include "runtime/kernels/all.h"
#include "runtime/kernels/float_common.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  float beta;
};

Error prepare(Preparation& op) {
  if (op.in.rank() < 1) return Error::kOperandShape;
  const Data data = {op.options<tflite::SoftmaxOptions>()->beta()};
  if (!is_usable_scale(data.beta)) return Error::kOptions;
  op.needs.steps = static_cast<uint64_t>(op.in.count()) * 16;  // an exponential each
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const float beta = static_cast<const Data*>(memory)->beta;
  const Tensor input = op.input(0);
  const uint32_t depth = static_cast<uint32_t>(input.dim(input.rank() - 1));
  const uint32_t rows = input.count() / depth;
  const float* in = input.data<float>();
  float* out = op.output_data<float>(0);
  for (uint32_t row = 0; row < rows; ++row) {
    float largest = -FLT_MAX;
    for (uint32_t i = 0; i < depth; ++i) {
      if (largest < in[i]) largest = in[i];
    }
    float sum = 0;
    for (uint32_t i = 0; i < depth; ++i) {
      out[i] = expf((in[i] - largest) * beta);
      sum += out[i];
    }
    for (uint32_t i = 0; i < depth; ++i) out[i] /= sum;
    in += depth;
    out += depth;
  }
  return Error::kNone;
}

}  // namespace

const Kernel kSoftmaxFloat = {BuiltinOperator::SOFTMAX, type_bit(TensorType::FLOAT32),          3,       1,     1,
                              kUnary | kOptions,        options_kind<tflite::SoftmaxOptions>(), prepare, invoke};

}  // namespace runtime
}  // namespace roost
