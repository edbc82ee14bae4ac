// Which number of `builtin_options_type` stands for which table of options (the public format's union numbers).
#pragma once

#include <stdint.h>

#include "runtime/schema_generated.h"

namespace roost {
namespace runtime {

template <typename Options>
struct OptionsType;  // one specialisation per table we know

template <uint8_t number>
struct OptionsNumber {
  enum : uint8_t { kValue = number };
};

template <>
struct OptionsType<tflite::Conv2DOptions> : OptionsNumber<1> {};
template <>
struct OptionsType<tflite::DepthwiseConv2DOptions> : OptionsNumber<2> {};
template <>
struct OptionsType<tflite::Pool2DOptions> : OptionsNumber<5> {};
template <>
struct OptionsType<tflite::SVDFOptions> : OptionsNumber<6> {};
template <>
struct OptionsType<tflite::FullyConnectedOptions> : OptionsNumber<8> {};
template <>
struct OptionsType<tflite::SoftmaxOptions> : OptionsNumber<9> {};
template <>
struct OptionsType<tflite::ConcatenationOptions> : OptionsNumber<10> {};
template <>
struct OptionsType<tflite::AddOptions> : OptionsNumber<11> {};
template <>
struct OptionsType<tflite::ReshapeOptions> : OptionsNumber<17> {};
template <>
struct OptionsType<tflite::MulOptions> : OptionsNumber<21> {};
template <>
struct OptionsType<tflite::ReducerOptions> : OptionsNumber<27> {};
template <>
struct OptionsType<tflite::StridedSliceOptions> : OptionsNumber<32> {};

}  // namespace runtime
}  // namespace roost
