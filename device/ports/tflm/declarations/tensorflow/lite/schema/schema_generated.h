// Of the schema's generated code, the declarations that the adapter uses.
#pragma once

#include "flatbuffers/flatbuffers.h"

namespace tflite {
struct Metadata {
  const flatbuffers::String* name() const;
};
struct Model {
  const flatbuffers::Vector<flatbuffers::Offset<Metadata>>* metadata() const;
};
const Model* GetModel(const void* buf);
bool VerifyModelBuffer(flatbuffers::Verifier& verifier);
enum BuiltinOperator : int32_t { BuiltinOperator_ADD = 0, BuiltinOperator_CUSTOM = 32 };
}  // namespace tflite
