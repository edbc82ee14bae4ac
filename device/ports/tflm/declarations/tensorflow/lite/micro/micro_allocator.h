// Of the allocator, the two structs whose sizes the adapter asks for.
#pragma once

#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"

namespace tflite {
struct NodeAndRegistration {
  TfLiteNode node;
  const TFLMRegistration* registration;
};
struct SubgraphAllocations {
  NodeAndRegistration* node_and_registrations;
  TfLiteEvalTensor* tensors;
};
}  // namespace tflite
