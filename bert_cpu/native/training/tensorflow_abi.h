// What of TensorFlow's C interface an operation needs.
//
// Its functions (tensorflow/c/{ops,kernels,tf_tensor,tf_status}.h of TensorFlow 2.21)
// are looked up in the library that the process has loaded, so that compiling needs
// neither its headers nor itself.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct TF_Tensor;
struct TF_Status;
struct TF_KernelBuilder;
struct TF_OpDefinitionBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_ShapeHandle;
struct TF_ShapeInferenceContext;

enum TF_DataType { TF_FLOAT = 1, TF_INT32 = 3, TF_BFLOAT16 = 14 };
enum TF_Code { TF_OK = 0, TF_INVALID_ARGUMENT = 3, TF_RESOURCE_EXHAUSTED = 8 };

}  // extern "C"

namespace bert_cpu {

// Result, name, arguments.
#define BERT_CPU_TENSORFLOW_FUNCTIONS(F)                                           \
  F(TF_Status*, TF_NewStatus, ())                                                  \
  F(void, TF_DeleteStatus, (TF_Status*))                                           \
  F(void, TF_SetStatus, (TF_Status*, TF_Code, const char*))                        \
  F(TF_Code, TF_GetCode, (const TF_Status*))                                       \
  F(void, TF_DeleteTensor, (TF_Tensor*))                                           \
  F(void*, TF_TensorData, (const TF_Tensor*))                                      \
  F(int, TF_NumDims, (const TF_Tensor*))                                           \
  F(int64_t, TF_Dim, (const TF_Tensor*, int))                                      \
  F(TF_OpDefinitionBuilder*, TF_NewOpDefinitionBuilder, (const char*))             \
  F(void, TF_OpDefinitionBuilderAddAttr, (TF_OpDefinitionBuilder*, const char*))   \
  F(void, TF_OpDefinitionBuilderAddInput, (TF_OpDefinitionBuilder*, const char*))  \
  F(void, TF_OpDefinitionBuilderAddOutput, (TF_OpDefinitionBuilder*, const char*)) \
  F(void, TF_OpDefinitionBuilderSetShapeInferenceFunction,                         \
    (TF_OpDefinitionBuilder*, void (*)(TF_ShapeInferenceContext*, TF_Status*)))    \
  F(void, TF_RegisterOpDefinition, (TF_OpDefinitionBuilder*, TF_Status*))          \
  F(void, TF_ShapeInferenceContextSetUnknownShape,                                 \
    (TF_ShapeInferenceContext*, TF_Status*))                                       \
  F(TF_KernelBuilder*, TF_NewKernelBuilder,                                        \
    (const char*, const char*, void* (*)(TF_OpKernelConstruction*),                \
     void (*)(void*, TF_OpKernelContext*), void (*)(void*)))                       \
  F(void, TF_RegisterKernelBuilder, (const char*, TF_KernelBuilder*, TF_Status*))  \
  F(void, TF_OpKernelConstruction_GetAttrFloat,                                    \
    (TF_OpKernelConstruction*, const char*, float*, TF_Status*))                   \
  F(void, TF_OpKernelConstruction_GetAttrInt32,                                    \
    (TF_OpKernelConstruction*, const char*, int32_t*, TF_Status*))                 \
  F(void, TF_OpKernelConstruction_Failure, (TF_OpKernelConstruction*, TF_Status*)) \
  F(void, TF_OpKernelContext_Failure, (TF_OpKernelContext*, TF_Status*))           \
  F(void, TF_GetInput, (TF_OpKernelContext*, int, TF_Tensor**, TF_Status*))        \
  F(TF_Tensor*, TF_AllocateOutput,                                                 \
    (TF_OpKernelContext*, int, TF_DataType, const int64_t*, int, size_t, TF_Status*))

struct TensorFlow {
#define BERT_CPU_DECLARE(result, name, arguments) result(*name) arguments = nullptr;
  BERT_CPU_TENSORFLOW_FUNCTIONS(BERT_CPU_DECLARE)
#undef BERT_CPU_DECLARE

  // Whether all of them were found.
  bool is_complete = true;
};

// Looks them up at the first call.
const TensorFlow& tensorflow();

}  // namespace bert_cpu
