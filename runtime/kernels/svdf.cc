#include "runtime/kernels/svdf.h"

namespace roost {
namespace runtime {
namespace {

bool is_matrix(const Tensor& tensor, int32_t rows, int64_t columns) {
  return tensor.rank() == 2 && tensor.dim(0) == rows && tensor.dim(1) == columns;
}

}  // namespace

Error svdf_shape(Preparation& op, TensorType bias_type, SvdfShape* shape, ActivationFunctionType* activation) {
  if (!op.has_input(kSvdfState)) return Error::kOperatorOperands;
  const Tensor& input = op.in;
  const Tensor& feature = op.second;
  const Tensor time = op.input(kSvdfTimeWeights);
  const Tensor state = op.input(kSvdfState);
  if (!time.constant()) return Error::kOperandNotConstant;
  if (state.constant() || !state.variable()) return Error::kVariableTensor;
  const auto* const options = op.options<tflite::SVDFOptions>();
  *activation = options->fused_activation_function();
  if (input.rank() != 2 || feature.rank() != 2 || time.rank() != 2) return Error::kOperandShape;
  *shape = {input.dim(0), input.dim(1), feature.dim(0), time.dim(1), options->rank()};
  if (shape->rank < 1 || shape->filters % shape->rank != 0) return Error::kOptions;
  const int32_t units = shape->filters / shape->rank;
  const int64_t state_columns = static_cast<int64_t>(shape->memory) * shape->filters;
  if (!is_matrix(feature, shape->filters, shape->inputs) || !is_matrix(time, shape->filters, shape->memory) ||
      !is_matrix(state, shape->batches, state_columns) || !is_matrix(op.out, shape->batches, units)) {
    return Error::kOperandShape;
  }
  if (op.has_input(kSvdfBias)) {
    const Tensor bias = op.input(kSvdfBias);
    ROOST_RETURN_IF_ERROR(expect_type(bias, bias_type));
    if (!bias.constant()) return Error::kOperandNotConstant;
    if (bias.count() != static_cast<uint32_t>(units)) return Error::kOperandShape;
  }
  const uint64_t batches = static_cast<uint32_t>(shape->batches);
  op.needs.macs = batches * (static_cast<uint64_t>(feature.count()) + time.count());
  op.needs.steps = state.count() + op.out.count();
  return Error::kNone;
}

}  // namespace runtime
}  // namespace roost
