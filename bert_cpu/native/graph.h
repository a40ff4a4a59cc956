// A TensorFlow Lite graph, and what is asked of it to find an encoder.
#pragma once

#include <unordered_map>
#include <vector>

#include "tflite_abi.h"

namespace bert_cpu {

// By their numbers in TensorFlow Lite's schema.
enum class Op {
  kAdd = 0,
  kFullyConnected = 9,
  kMul = 18,
  kReshape = 22,
  kSoftmax = 25,
  kTranspose = 39,
  kMean = 40,
  kSub = 41,
  kStridedSlice = 45,
  kSplit = 49,
  kRsqrt = 76,
  kSquaredDifference = 99,
  kBatchMatMul = 126,
  kGelu = 150,
};

struct GraphNode {
  int index;  // In the execution plan's own numbers.
  Op op;
  const TfLiteNode* node;

  int input(int place) const {
    return place < node->inputs->size ? node->inputs->data[place] : -1;
  }
  int output(int place = 0) const {
    return place < node->outputs->size ? node->outputs->data[place] : -1;
  }
  template <typename Options>
  const Options& options() const {
    return *static_cast<const Options*>(node->builtin_data);
  }
};

class Graph {
 public:
  // Of all nodes that will be executed, or of those of `only`.
  explicit Graph(TfLiteContext* context, const TfLiteIntArray* only = nullptr);

  const std::vector<GraphNode>& nodes() const { return nodes_; }
  const TfLiteTensor& tensor(int index) const { return context_->tensors[index]; }

  // The consumers of a tensor.
  const std::vector<const GraphNode*>& consumers(int tensor) const;
  // Its consumer, if it has one alone and that is `op`; else null.
  const GraphNode* next(int tensor, Op op) const;
  // The one of its consumers that is `op`; null if there are none or several.
  const GraphNode* among(int tensor, Op op) const;

  bool has_shape(int tensor, std::initializer_list<int> shape) const;
  // Data that the file holds, of this type and number; else null.
  const float* floats(int tensor, int count) const;
  const int32_t* integers(int tensor, int count) const;

 private:
  const void* constant(int tensor, TfLiteType type, int count) const;

  TfLiteContext* context_;
  std::vector<GraphNode> nodes_;
  std::unordered_map<int, std::vector<const GraphNode*>> consumers_;
};

}  // namespace bert_cpu
