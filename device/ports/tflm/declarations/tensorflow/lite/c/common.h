// Of TensorFlow Lite Micro, the declarations that the adapter uses: enough to compile it without a copy.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;
typedef struct TfLiteIntArray TfLiteIntArray;
typedef struct TfLiteContext TfLiteContext;
typedef struct TfLiteNode {
  void* user_data;
} TfLiteNode;
typedef struct TfLiteFloatArray TfLiteFloatArray;
typedef struct TfLiteAffineQuantization {
  TfLiteFloatArray* scale;
  TfLiteIntArray* zero_point;
  int32_t quantized_dimension;
} TfLiteAffineQuantization;
typedef union TfLitePtrUnion {
  char* raw;
  void* data;
} TfLitePtrUnion;
typedef struct TfLiteEvalTensor {
  TfLitePtrUnion data;
  TfLiteIntArray* dims;
} TfLiteEvalTensor;
typedef struct TfLiteTensor {
  TfLitePtrUnion data;
  TfLiteIntArray* dims;
  size_t bytes;
} TfLiteTensor;
