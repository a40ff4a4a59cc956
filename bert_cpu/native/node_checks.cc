#include "node_checks.h"

#include <algorithm>

namespace bert_cpu {

bool read_matrix(const Graph& graph, const GraphNode& node, int rows, int out, int in,
                 FoundMatrix* found) {
  const auto& options = node.options<TfLiteFullyConnectedParams>();
  if (options.activation != kTfLiteActNone || options.weights_format) return false;
  *found = {node.input(0), node.input(1), node.input(2), out, in};
  const TfLiteTensor& weights = graph.tensor(found->weights);
  if (weights.type != kTfLiteInt8 || weights.allocation_type != kTfLiteMmapRo ||
      weights.quantization.type != kTfLiteAffineQuantization)
    return false;
  const auto* params =
      static_cast<const TfLiteAffineParams*>(weights.quantization.params);
  if (!params || params->quantized_dimension != 0 || params->scale->size != out)
    return false;
  const int* zeros = params->zero_point->data;
  if (std::any_of(zeros, zeros + params->zero_point->size, [](int z) { return z; }))
    return false;
  const bool has_bias = found->bias < 0 || graph.floats(found->bias, out);
  return has_bias && in % 16 == 0 && graph.has_shape(found->weights, {out, in}) &&
         graph.has_shape(found->input, {rows, in}) &&
         graph.has_shape(node.output(), {rows, out}) &&
         graph.tensor(found->input).type == kTfLiteFloat32;
}

bool swaps_first_axes(const Graph& graph, const GraphNode& transpose) {
  const int32_t* order = graph.integers(transpose.input(1), 3);
  return order && order[0] == 1 && order[1] == 0 && order[2] == 2;
}

bool takes_first_row(const Graph& graph, const GraphNode& slice) {
  const int32_t* begin = graph.integers(slice.input(1), 2);
  const int32_t* strides = graph.integers(slice.input(3), 2);
  const auto& masks = slice.options<TfLiteStridedSliceParams>();
  const bool starts = (masks.begin_mask & 1) || (begin && begin[0] == 0);
  return starts && strides && strides[0] == 1 && strides[1] == 1 &&
         !masks.ellipsis_mask && !masks.new_axis_mask && !masks.shrink_axis_mask;
}

bool averages_rows(const Graph& graph, const GraphNode& mean) {
  const int32_t* axis = graph.integers(mean.input(1), 1);
  return axis && (*axis == -1 || *axis == 1) &&
         mean.options<TfLiteReducerParams>().keep_dims;
}

bool has_activation(const GraphNode& add) {
  return add.options<TfLiteActivationParams>().activation != kTfLiteActNone;
}

int other_input(const GraphNode& node, int tensor) {
  return node.input(0) == tensor ? node.input(1) : node.input(0);
}

}  // namespace bert_cpu
