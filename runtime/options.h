// Which number of `builtin_options_type` stands for which table of options (the public format's union numbers).
#pragma once

#include <stdint.h>

#include "base/flatbuffer_check.h"
#include "runtime/schema_generated.h"

namespace roost {
namespace runtime {

template <typename Options>
struct OptionsType;  // one specialisation per table we know

// The union's number, and the sizes of the fields, all scalars, in the order of schema.fbs.
template <uint8_t number, uint8_t... sizes>
struct OptionsOf {
  enum : uint8_t { kValue = number };
  static const uint8_t kFields[sizeof...(sizes)];
  static constexpr FlatTable table() { return FlatTable(kFields); }
};
template <uint8_t number, uint8_t... sizes>
const uint8_t OptionsOf<number, sizes...>::kFields[sizeof...(sizes)] = {flat_scalar(sizes)...};

template <>
struct OptionsType<tflite::Conv2DOptions> : OptionsOf<1, 1, 4, 4, 1, 4, 4, 1> {};
template <>
struct OptionsType<tflite::DepthwiseConv2DOptions> : OptionsOf<2, 1, 4, 4, 4, 1, 4, 4> {};
template <>
struct OptionsType<tflite::Pool2DOptions> : OptionsOf<5, 1, 4, 4, 4, 4, 1> {};
template <>
struct OptionsType<tflite::SVDFOptions> : OptionsOf<6, 4, 1, 1> {};
template <>
struct OptionsType<tflite::FullyConnectedOptions> : OptionsOf<8, 1, 1, 1, 1, 1> {};
template <>
struct OptionsType<tflite::SoftmaxOptions> : OptionsOf<9, 4> {};
template <>
struct OptionsType<tflite::ConcatenationOptions> : OptionsOf<10, 4, 1> {};
template <>
struct OptionsType<tflite::AddOptions> : OptionsOf<11, 1, 1> {};
template <>
struct OptionsType<tflite::MulOptions> : OptionsOf<21, 1> {};
template <>
struct OptionsType<tflite::ReducerOptions> : OptionsOf<27, 1> {};
template <>
struct OptionsType<tflite::StridedSliceOptions> : OptionsOf<32, 4, 4, 4, 4, 4, 1> {};

}  // namespace runtime
}  // namespace roost
