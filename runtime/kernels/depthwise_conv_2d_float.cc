// DEPTHWISE_CONV_2D on float32.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"
#include "runtime/kernels/float_common.h"

namespace roost {
namespace runtime {
namespace {

struct Data {
  ConvolutionShape shape;
  FloatRange range;
};

Error prepare(Preparation& op) {
  Data data;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(convolution_shape(op, WindowKind::kDepthwiseConv2d, &data.shape, &activation));
  ROOST_RETURN_IF_ERROR(activation_range(activation, &data.range));
  op.needs.macs = convolution_macs(op, data.shape);
  op.needs.steps = op.out.count();
  return op.keep(data);
}

// `in` and `filter` point at the channel's value in the first position. Products are added in the reference's
// order.
float sum_at(const ConvolutionShape& shape, const float* in, const float* filter, const Window::Taps& rows,
             const Window::Taps& columns) {
  float sum = 0;
  for (int32_t ky = rows.first; ky < rows.end; ++ky) {
    const int32_t y = rows.origin + ky * shape.y.dilation;
    for (int32_t kx = columns.first; kx < columns.end; ++kx) {
      const int32_t x = columns.origin + kx * shape.x.dilation;
      sum +=
          in[(y * shape.x.input + x) * shape.input_depth] * filter[(ky * shape.x.filter + kx) * shape.output_depth];
    }
  }
  return sum;
}

Error invoke(const OperatorView& op, const void* memory) {
  const Data& data = *static_cast<const Data*>(memory);
  const ConvolutionShape& shape = data.shape;
  const float* filter = op.input_data<float>(1);
  const float* bias = op.input_data<float>(2);
  const float* image = op.input_data<float>(0);
  float* out = op.output_data<float>(0);
  for (int32_t batch = 0; batch < shape.batches; ++batch) {
    for (int32_t y = 0; y < shape.y.output; ++y) {
      const Window::Taps rows = shape.y.taps(y);
      for (int32_t x = 0; x < shape.x.output; ++x) {
        const Window::Taps columns = shape.x.taps(x);
        for (int32_t channel = 0; channel < shape.output_depth; ++channel) {
          const float* in = image + channel / shape.depth_per_group;
          const float sum = sum_at(shape, in, filter + channel, rows, columns);
          *out++ = clamp(sum + (bias ? bias[channel] : 0.0f), data.range);
        }
      }
    }
    image += shape.y.input * shape.x.input * shape.input_depth;
  }
  return Error::kNone;
}

}  // namespace

const Kernel kDepthwiseConv2dFloat = {BuiltinOperator::DEPTHWISE_CONV_2D,
                                      type_bit(TensorType::FLOAT32),
                                      7,
                                      2,
                                      3,
                                      kOneOutput | kSameType | kWeights | kOptions,
                                      options_kind<tflite::DepthwiseConv2DOptions>(),
                                      prepare,
                                      invoke};

}  // namespace runtime
}  // namespace roost
