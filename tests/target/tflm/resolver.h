// The test's operator resolvers, for sources that see Roost's headers and none of TFLM's.
#pragma once

namespace tflite {
class MicroOpResolver;
}

enum class Softmax { kReal, kMissing, kRefusesToPrepare, kFailsToRun };
const tflite::MicroOpResolver& tflm_resolver(Softmax softmax);
