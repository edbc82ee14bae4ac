// The operators that Roost's gate judges, as TFLM registers them. Sees TFLM's headers and none of Roost's.
#include "tests/target/tflm/resolver.h"

#include "tensorflow/lite/micro/kernels/softmax.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace {

TfLiteStatus fail(TfLiteContext*, TfLiteNode*) {
  return kTfLiteError;
}

class Resolver : public tflite::MicroMutableOpResolver<19> {
 public:
  explicit Resolver(Softmax softmax) {
    AddConv2D(), AddDepthwiseConv2D(), AddFullyConnected(), AddAveragePool2D(), AddMaxPool2D(), AddMean();
    AddPad(), AddAdd(), AddMul(), AddConcatenation(), AddReshape(), AddStridedSlice();
    AddLogistic(), AddRelu(), AddRelu6(), AddQuantize(), AddDequantize(), AddSvdf();
    TFLMRegistration registration = tflite::Register_SOFTMAX();
    if (softmax == Softmax::kRefusesToPrepare) registration.prepare = fail;
    if (softmax == Softmax::kFailsToRun) registration.invoke = fail;
    if (softmax != Softmax::kMissing) AddSoftmax(registration);
  }
};

}  // namespace

const tflite::MicroOpResolver& tflm_resolver(Softmax softmax) {
  static const Resolver real(Softmax::kReal), missing(Softmax::kMissing), refuses(Softmax::kRefusesToPrepare),
      fails(Softmax::kFailsToRun);
  const Resolver* const all[] = {&real, &missing, &refuses, &fails};
  return *all[static_cast<int>(softmax)];
}
