// Which number of `builtin_options_type` stands for which table of options (the public format's union numbers).
#pragma once

#include <stdint.h>

#include "base/flatbuffer_check.h"
#include "runtime/schema_generated.h"

namespace roost {
namespace runtime {

// One table of options: the union's number, and its fields, all scalars, in the order of schema.fbs.
struct OptionsKind {
  uint8_t number;
  uint8_t fields[8];  // as for FlatCheck
};

template <typename Options>
struct OptionsType;  // one specialisation per table we know

template <uint8_t number, uint8_t... sizes>
struct OptionsOf {
  static const OptionsKind kKind;
};
template <uint8_t number, uint8_t... sizes>
const OptionsKind OptionsOf<number, sizes...>::kKind = {number, {flat_scalar(sizes)..., kFlatEnd}};

template <typename Options>
constexpr const OptionsKind* options_kind() {
  return &OptionsType<Options>::kKind;
}

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
