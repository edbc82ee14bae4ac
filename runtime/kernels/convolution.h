// What the convolutions share: their geometry, and how integers leave them.
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

// Operands, types (input and output `type`, filter likewise, bias `bias_type` or absent), shapes and options.
Error convolution_shape(const OperatorView& op, const WindowOperator& kind, TensorType type, TensorType bias_type,
                        ConvolutionShape* shape, ActivationFunctionType* activation);

// The work of one inference, for Needs.
uint64_t convolution_macs(const OperatorView& op, const ConvolutionShape& shape);

// The integer part of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: sums of `taps` products, a bias, a multiplier
// per output channel.
struct IntegerOutput {
  int32_t input_offset;  // what is added to inputs: minus their zero point
  int32_t zero_point;
  Range range;

  // The value of a channel, which gives its multiplier and its bias: with none, null.
  int8_t value_of(int32_t sum, const Multiplier& multiplier, const int32_t* bias) const;
};

// Quantisation of input, filter and output; the filter is symmetric, per tensor or along channel_dimension. Fills
// `multipliers`, one per output channel, unless it is null. kOverflow where `taps` products could leave 32 bits.
Error integer_convolution(const OperatorView& op, ActivationFunctionType activation, int32_t channel_dimension,
                          uint32_t taps, IntegerOutput* output, Multiplier* multipliers);

// Where a kernel's Data is followed in memory by Multipliers: how large both are, and where the latter start.
template <typename Data>
uint32_t bytes_with_multipliers(int32_t count) {
  return static_cast<uint32_t>(sizeof(Data)) + static_cast<uint32_t>(count) * uint32_t{sizeof(Multiplier)};
}
template <typename Data>
Multiplier* multipliers_behind(void* data) {
  return data ? reinterpret_cast<Multiplier*>(static_cast<Data*>(data) + 1) : nullptr;
}
template <typename Data>
const Multiplier* multipliers_behind(const Data& data) {
  return reinterpret_cast<const Multiplier*>(&data + 1);
}

// Symmetric weights, per tensor or per channel along channel_dimension, and not too many for a 32-bit sum.
Error expect_weights(const Tensor& weights, int32_t channel_dimension, uint32_t taps);

// An optional operand 2: constant, of this type, one value per output channel.
Error expect_bias(const OperatorView& op, TensorType type, int32_t output_depth);

// sum + the products of weights and inputs, input_offset added to each input. Where most of the time goes: a function
// of its own has registers for all it needs.
int32_t dot(const int8_t* inputs, const int8_t* weights, int32_t length, int32_t input_offset, int32_t sum);

// Null where there is no bias.
template <typename T>
const T* bias_of(const OperatorView& op) {
  return op.has_input(2) ? op.input_data<T>(2) : nullptr;
}

// --- int8: what CONV_2D and DEPTHWISE_CONV_2D do alike ---

// An operator's data; followed in memory by one Multiplier per output channel.
struct Int8Convolution {
  ConvolutionShape shape;
  IntegerOutput output;
};

// One output position of an inference: what of the image the filter sees, and with what to multiply it.
struct Int8Position {
  const Int8Convolution& convolution;
  const Multiplier* multipliers;
  const int8_t* filter;
  const int32_t* bias;  // null: none
  const int8_t* image;  // of the batch at hand
  Window::Taps rows;
  Window::Taps columns;

  int8_t value_of(int32_t channel, int32_t sum) const {
    return convolution.output.value_of(sum, multipliers[channel], bias ? bias + channel : nullptr);
  }
};

using ConvolvePosition = void (*)(const Int8Position& at, int8_t* out);  // all channels

Error prepare_int8_convolution(const OperatorView& op, const WindowOperator& kind, Needs& needs, void* memory);
Error invoke_int8_convolution(const OperatorView& op, const void* memory, ConvolvePosition convolve);

}  // namespace runtime
}  // namespace roost
