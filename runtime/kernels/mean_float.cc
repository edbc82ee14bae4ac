// MEAN on float32.
#include "runtime/kernels/all.h"
#include "runtime/kernels/mean.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  MeanShape shape;
};

Error prepare(Preparation& op) {
  Data data;
  ROOST_RETURN_IF_ERROR(mean_shape(op, &data.shape));
  return op.keep(data);
}

Error invoke(const OperatorView& op, const void* memory) {
  const MeanShape& shape = static_cast<const Data*>(memory)->shape;
  const Tensor output = op.output(0);
  float* out = output.mutable_data<float>();
  sum_over_axes<float>(op.input(0), shape.reduced_axes, out, output.count());
  for (uint32_t i = 0; i < output.count(); ++i) out[i] /= static_cast<float>(shape.count);
  return Error::kNone;
}

}  // namespace

const Kernel kMeanFloat = {BuiltinOperator::MEAN,  type_bit(TensorType::FLOAT32),          3,       2,     2,
                           kOneOutput | kSameType, options_kind<tflite::ReducerOptions>(), prepare, invoke};

}  // namespace runtime
}  // namespace roost
