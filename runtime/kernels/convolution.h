// What the convolutions share: their geometry, and all of what they do on int8.
#pragma once

#include <stdint.h>

#include "runtime/kernels/common.h"
#include "runtime/kernels/window.h"

namespace roost {
namespace runtime {

// Of CONV_2D and DEPTHWISE_CONV_2D. Output channels come in groups of depth_per_group, each of which sees group_depth
// channels of the input: with DEPTHWISE_CONV_2D a single one.
struct ConvolutionShape : WindowShape {
  int32_t output_depth;
  int32_t group_depth;
  int32_t depth_per_group;
};

// Shapes, options and the bias.
Error convolution_shape(const Preparation& op, WindowKind kind, ConvolutionShape* shape,
                        ActivationFunctionType* activation);

// The work of one inference, for Needs.
uint64_t convolution_macs(const Preparation& op, const ConvolutionShape& shape);

// Symmetric weights, per tensor or per channel along channel_dimension, and not too many for a 32-bit sum.
Error expect_weights(const Tensor& weights, uint32_t channel_dimension, uint32_t taps);

// An optional operand 2: constant, one value per output channel, floats where the inputs are, else of 32 bits.
Error expect_bias(const Preparation& op, int32_t output_depth);

// sum + the products of weights and inputs, input_offset added to each input. Where most of the time goes: a function
// of its own has registers for all it needs.
int32_t dot(const int8_t* inputs, const int8_t* weights, int32_t length, int32_t input_offset, int32_t sum);

// --- int8: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED as a convolution of images of one pixel, and AVERAGE_POOL_2D as
// one of each channel by itself, without weights ---

// An operator's data; followed in memory by the Multipliers: one per output channel, or one for all.
struct Int8Convolution {
  ConvolutionShape shape;
  int32_t filter_column;    // from the weights of one position to those of its right neighbour, same channel
  int32_t filter_channel;   // from the weights of one output channel to those of the next
  int32_t multiplier_step;  // from the Multiplier of one output channel to that of the next
  int32_t input_offset;     // what is added to inputs: minus their zero point
  int32_t zero_point;
  Range range;
};

// CONV_2D and DEPTHWISE_CONV_2D.
Error prepare_int8_convolution(Preparation& op, WindowKind kind);

enum class ScaleProduct : uint8_t { kDouble, kSingle };

// What follows when `data` has all up to filter_channel: quantisation of input, filter and output. The filter is
// symmetric, per tensor or along channel_dimension; where it is per tensor, the reference may multiply its scale and
// the input's in single precision. kOverflow where a sum of products could leave 32 bits.
Error finish_int8_convolution(Preparation& op, ActivationFunctionType activation, uint32_t channel_dimension,
                              ScaleProduct scale_product, Int8Convolution* data);

Error invoke_int8_convolution(const OperatorView& op, const void* memory);

}  // namespace runtime
}  // namespace roost
