// How an operation is told to TensorFlow.
#pragma once

#include <cstring>
#include <exception>
#include <initializer_list>
#include <new>

#include "tensors.h"

namespace bert_cpu {

using Names = std::initializer_list<const char*>;

// Those that an operation has are read.
struct Attributes {
  float rate = 0;     // Share of features that dropout zeroes.
  float epsilon = 0;  // Added to the variance.
  float scale = 0;    // Multiplies scores.
  int32_t heads = 0;
};

inline bool has(Names attributes, const char* name) {
  const size_t length = std::strlen(name);
  for (const char* attribute : attributes)
    if (!std::strncmp(attribute, name, length) && attribute[length] == ':') return true;
  return false;
}

template <typename Operation>
void* make_kernel(TF_OpKernelConstruction* construction) {
  const TensorFlow& tf = tensorflow();
  TF_Status* status = tf.TF_NewStatus();
  auto* attributes = new (std::nothrow) Attributes;
  const auto read_float = [&](const char* name, float* target) {
    if (has(Operation::kAttributes, name) && tf.TF_GetCode(status) == TF_OK)
      tf.TF_OpKernelConstruction_GetAttrFloat(construction, name, target, status);
  };
  if (attributes) {
    read_float("rate", &attributes->rate);
    read_float("epsilon", &attributes->epsilon);
    read_float("scale", &attributes->scale);
    if (has(Operation::kAttributes, "heads") && tf.TF_GetCode(status) == TF_OK)
      tf.TF_OpKernelConstruction_GetAttrInt32(construction, "heads", &attributes->heads,
                                              status);
    if (!(attributes->rate >= 0 && attributes->rate < 1))
      tf.TF_SetStatus(status, TF_INVALID_ARGUMENT, "rate is not in [0, 1)");
  } else {
    tf.TF_SetStatus(status, TF_RESOURCE_EXHAUSTED, "no memory for an operation");
  }
  if (tf.TF_GetCode(status) != TF_OK)
    tf.TF_OpKernelConstruction_Failure(construction, status);
  tf.TF_DeleteStatus(status);
  return attributes;
}

template <typename Operation>
void run_kernel(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  try {
    Operation::compute(*static_cast<const Attributes*>(kernel), call);
  } catch (const std::bad_alloc&) {
    call.fail(TF_RESOURCE_EXHAUSTED, "no memory for an operation");
  } catch (const std::exception& wrong) {
    call.fail(TF_INVALID_ARGUMENT, wrong.what());
  }
}

inline void delete_kernel(void* kernel) { delete static_cast<Attributes*>(kernel); }

// An operation is a class with `kName`; with `kInputs`, `kOutputs` and `kAttributes`,
// each spelled "name: type"; and with compute(attributes, call), which throws a
// std::exception where inputs are wrong.
template <typename Operation>
void register_operation() {
  const TensorFlow& tf = tensorflow();
  TF_Status* status = tf.TF_NewStatus();
  TF_OpDefinitionBuilder* builder = tf.TF_NewOpDefinitionBuilder(Operation::kName);
  for (const char* each : Operation::kInputs)
    tf.TF_OpDefinitionBuilderAddInput(builder, each);
  for (const char* each : Operation::kOutputs)
    tf.TF_OpDefinitionBuilderAddOutput(builder, each);
  for (const char* each : Operation::kAttributes)
    tf.TF_OpDefinitionBuilderAddAttr(builder, each);
  // Shapes are set where operations are called, which knows them better.
  tf.TF_OpDefinitionBuilderSetShapeInferenceFunction(
      builder, tf.TF_ShapeInferenceContextSetUnknownShape);
  tf.TF_RegisterOpDefinition(builder, status);
  if (tf.TF_GetCode(status) == TF_OK)
    tf.TF_RegisterKernelBuilder(
        Operation::kName,
        tf.TF_NewKernelBuilder(Operation::kName, "CPU", &make_kernel<Operation>,
                               &run_kernel<Operation>, &delete_kernel),
        status);
  tf.TF_DeleteStatus(status);
}

}  // namespace bert_cpu
