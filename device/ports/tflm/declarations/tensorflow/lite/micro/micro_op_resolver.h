// Of the operator resolvers, the declarations that the adapter uses.
#pragma once

#include "tensorflow/lite/schema/schema_generated.h"

struct TFLMRegistration;

namespace tflite {
class MicroOpResolver {
 public:
  virtual const TFLMRegistration* FindOp(BuiltinOperator op) const = 0;
  virtual const TFLMRegistration* FindOp(const char* op) const = 0;
  virtual ~MicroOpResolver() {}

 private:
  void operator delete(void*) {}
};
}  // namespace tflite
