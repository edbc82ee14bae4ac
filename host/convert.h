// A model as C source and back: `model.tflite` <-> `const unsigned char model[] = {0x1c, ...};`.
//
// Firmware examples carry their model as an array, so this is how many models are handed around.
//
//   std::string text = to_c_source(model, c_identifier("gesture v1.tflite"), SourceStyle::kXxd);
//   auto found = model_from_c_source(text);
//   if (auto* error = std::get_if<SourceError>(&found)) fail(error->sentence());
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/span.h"

namespace roost::host {

enum class SourceStyle {
  kXxd,   // what `xxd -i` writes: unsigned char name[], unsigned int name_len
  kTflm,  // TensorFlow Lite Micro's examples: alignas(16) const unsigned char g_name[], const int g_name_len
  kTfliteConverter,  // the Python converter's: const unsigned char name[] <alignment attribute>, const int name_len
};

// A valid C identifier made of `text` as xxd makes one: what cannot stand in an identifier becomes '_'.
std::string c_identifier(std::string_view text);

// The array as a complete source file. `name` is an identifier; kTflm puts "g_" before it.
std::string to_c_source(Bytes model, std::string_view name, SourceStyle style);

// Whether the bytes carry a .tflite file's mark: "TFL3" at offset 4. Says nothing about the rest.
bool looks_like_model(Bytes bytes);

struct SourceModel {
  std::string array_name;
  std::vector<uint8_t> bytes;
};

struct SourceError {
  size_t line = 0;  // counted from 1; 0 when it concerns the file as a whole
  std::string message;

  std::string sentence() const;
};

// The model in C or C++ source of any of the styles above or like them. Comments, preprocessor lines and other
// arrays are passed over; values may be decimal, hexadecimal, octal, negative (int8) or characters. Where several
// arrays are models, `wanted` names the one to take; without it that is an error, as is an array that breaks off,
// holds anything but bytes, or has another length than the source itself declares.
std::variant<SourceModel, SourceError> model_from_c_source(std::string_view source, std::string_view wanted = {});

}  // namespace roost::host
