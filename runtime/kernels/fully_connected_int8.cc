// FULLY_CONNECTED on int8, with weights quantised per tensor or per output.
#include "runtime/kernels/all.h"
#include "runtime/kernels/convolution.h"
#include "runtime/kernels/fully_connected.h"

namespace roost {
namespace runtime {
namespace {

// Each row is an image of one pixel. With one scale for all weights the reference multiplies the input's and the
// weights' scales in single precision, and only then goes on in double; with a scale per output it uses double
// throughout.
Error prepare(Preparation& op) {
  FullyConnectedShape shape;
  ActivationFunctionType activation;
  ROOST_RETURN_IF_ERROR(fully_connected_shape(op, &shape, &activation));
  const Window pixel = {1, 1, 1, 1, 1, 0};
  Int8Convolution data;
  data.shape.y = pixel;
  data.shape.x = pixel;
  data.shape.batches = shape.rows;
  data.shape.input_depth = shape.depth;
  data.shape.output_depth = shape.outputs;
  data.shape.group_depth = shape.depth;
  data.shape.depth_per_group = shape.outputs;
  data.filter_column = shape.depth;
  data.filter_channel = shape.depth;
  return finish_int8_convolution(op, activation, 0, ScaleProduct::kSingle, &data);
}

}  // namespace

const Kernel kFullyConnectedInt8 = {BuiltinOperator::FULLY_CONNECTED,
                                    type_bit(TensorType::INT8),
                                    12,
                                    2,
                                    3,
                                    kOneOutput | kSameType | kWeights | kOptions | kPerTensor,
                                    options_kind<tflite::FullyConnectedOptions>(),
                                    prepare,
                                    invoke_int8_convolution};

}  // namespace runtime
}  // namespace roost
