// Finds the blocks of an encoder in a graph.
//
// In the one form that `LeanGraph` and the converter give them. Anything else is left
// to LiteRT's own kernels.
#pragma once

#include <optional>
#include <vector>

#include "graph.h"

namespace bert_cpu {

// A product with int8 weights: its tensors.
struct FoundMatrix {
  int input, weights, bias, out, in;
};

// Without `gamma`, `beta` and `scaled` (-1) where a head has taken them in.
struct FoundNorm {
  int gamma, beta, normed, scaled;
  float epsilon;
};

struct FoundBlock {
  FoundMatrix projections, attention_output, intermediate, output;
  std::optional<FoundMatrix> query;  // If it stands alone, of the first row.
  FoundNorm attention_norm, output_norm;
  bool gelu_is_approximate;
};

struct FoundEncoder {
  int length, hidden_size, heads, head_size, intermediate_size;
  // The layer norm that makes what the first block reads, if the graph has it there.
  std::optional<FoundNorm> first_norm;
  // Tensors: what that norm reads, or what the first block adds to and what its
  // projections read; the penalty.
  int states, read, penalty;
  std::vector<FoundBlock> blocks;
  // Of all its nodes, ascending.
  std::vector<int> nodes;
};

// The longest chain of blocks that starts with the graph's first; none if the first
// is of another form.
std::optional<FoundEncoder> find_encoder(const Graph& graph);

}  // namespace bert_cpu
