// What of TensorFlow Lite's C interface a delegate needs.
//
// LiteRT's wheel brings no headers, so the structures are declared here, field for
// field as tensorflow/lite/core/c/common.h and builtin_op_data.h lay them out, in
// LiteRT 2.3. Another major version may do so otherwise: setup.cfg allows none.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
enum TfLiteType { kTfLiteFloat32 = 1, kTfLiteInt32 = 2, kTfLiteInt8 = 9 };
enum TfLiteAllocationType { kTfLiteMmapRo = 1 };
enum TfLiteQuantizationType { kTfLiteAffineQuantization = 1 };
enum TfLiteFusedActivation { kTfLiteActNone = 0 };
enum { kTfLiteDelegateFlagsAllowDynamicTensors = 1 };

struct TfLiteIntArray {
  int size;
  int data[];
};

struct TfLiteFloatArray {
  int size;
  float data[];
};

struct TfLiteAffineParams {
  TfLiteFloatArray* scale;
  TfLiteIntArray* zero_point;
  int32_t quantized_dimension;
};

struct TfLiteTensor {
  TfLiteType type;
  void* data;
  TfLiteIntArray* dims;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  int allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  struct TfLiteDelegate* delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  struct {
    int type;
    void* params;
  } quantization;
  void* sparsity;
  const TfLiteIntArray* dims_signature;
};

struct TfLiteNode {
  TfLiteIntArray* inputs;
  TfLiteIntArray* outputs;
  TfLiteIntArray* intermediates;
  TfLiteIntArray* temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
  struct TfLiteDelegate* delegate;
  bool might_have_side_effect;
};

struct TfLiteContext;

struct TfLiteRegistration {
  void* (*init)(TfLiteContext*, const char* buffer, size_t length);
  void (*free)(TfLiteContext*, void* buffer);
  TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*);
  TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*);
  const char* (*profiling_string)(const TfLiteContext*, const TfLiteNode*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  void* registration_external;
  void* async_kernel;
  uint64_t inplace_operator;
  // It is passed by value: room for what later versions read behind the end.
  uint64_t reserved[8];
};

struct TfLiteContext {
  size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(TfLiteContext*, TfLiteIntArray** plan);
  TfLiteTensor* tensors;
  void* impl_;
  TfLiteStatus (*ResizeTensor)(TfLiteContext*, TfLiteTensor*, TfLiteIntArray*);
  void (*ReportError)(TfLiteContext*, const char* message, ...);
  TfLiteStatus (*AddTensors)(TfLiteContext*, int count, int* first);
  TfLiteStatus (*GetNodeAndRegistration)(TfLiteContext*, int index, TfLiteNode**,
                                         TfLiteRegistration**);
  TfLiteStatus (*ReplaceNodeSubsetsWithDelegateKernels)(TfLiteContext*,
                                                        TfLiteRegistration,
                                                        const TfLiteIntArray* nodes,
                                                        struct TfLiteDelegate*);
};

struct TfLiteDelegate {
  void* data_;
  TfLiteStatus (*Prepare)(TfLiteContext*, TfLiteDelegate*);
  TfLiteStatus (*CopyFromBufferHandle)(TfLiteContext*, TfLiteDelegate*, int,
                                       TfLiteTensor*);
  TfLiteStatus (*CopyToBufferHandle)(TfLiteContext*, TfLiteDelegate*, int,
                                     TfLiteTensor*);
  void (*FreeBufferHandle)(TfLiteContext*, TfLiteDelegate*, int*);
  int64_t flags;
  void* opaque_delegate_builder;
};

struct TfLiteDelegateParams {
  TfLiteDelegate* delegate;
  TfLiteIntArray* nodes_to_replace;
  TfLiteIntArray* input_tensors;
  TfLiteIntArray* output_tensors;
};

// Options of operators, as far as they are read.
struct TfLiteFullyConnectedParams {
  int activation;
  int weights_format;
  bool keep_num_dims;
  bool asymmetric_quantize_inputs;
};
struct TfLiteActivationParams {  // Of ADD, MUL and SUB.
  int activation;
};
struct TfLiteReducerParams {
  bool keep_dims;
};
struct TfLiteSoftmaxParams {
  float beta;
};
struct TfLiteGeluParams {
  bool approximate;
};
struct TfLiteBatchMatMulParams {
  bool adj_x;
  bool adj_y;
};
struct TfLiteStridedSliceParams {
  int begin_mask;
  int end_mask;
  int ellipsis_mask;
  int new_axis_mask;
  int shrink_axis_mask;
};

}  // extern "C"
