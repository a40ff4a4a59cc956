// What single nodes of a graph must be like, to be part of an encoder.
#pragma once

#include "find_encoder.h"
#include "graph.h"

namespace bert_cpu {

// Reads (rows, in) times int8 weights with a step for each of `out` columns.
bool read_matrix(const Graph& graph, const GraphNode& node, int rows, int out, int in,
                 FoundMatrix* found);

// TRANSPOSE of (a, b, c) to (b, a, c).
bool swaps_first_axes(const Graph& graph, const GraphNode& transpose);

// STRIDED_SLICE of the first row and all columns.
bool takes_first_row(const Graph& graph, const GraphNode& slice);

// MEAN over the columns of a matrix, which are kept as one.
bool averages_rows(const Graph& graph, const GraphNode& mean);

// Whether ADD ends in an activation.
bool has_activation(const GraphNode& add);

// Of two inputs, the one that is not `tensor`.
int other_input(const GraphNode& node, int tensor);

}  // namespace bert_cpu
