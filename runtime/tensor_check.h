// What the gate demands of one tensor by itself, before any kernel sees it.
#pragma once

#include "runtime/error.h"
#include "runtime/schema_generated.h"
#include "runtime/tensor.h"

namespace roost {
namespace runtime {

// The type has a size, the shape is static and its bytes fit kTensorBytesMax, the data (if any) is in the file, has
// exactly the shape's length and is aligned to its elements, quantisation is sound. The model has passed
// FlatBuffers verification.
Error check_tensor(const tflite::Model* model, const Tensor& tensor);

}  // namespace runtime
}  // namespace roost
