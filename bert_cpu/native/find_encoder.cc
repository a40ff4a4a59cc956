#include "find_encoder.h"

#include <algorithm>

#include "node_checks.h"

namespace bert_cpu {
namespace {

// Reads one block after the other; `nodes` are those of the blocks that it has read.
class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph) {}

  std::optional<FoundEncoder> find() {
    for (const GraphNode& node : graph_.nodes()) {
      if (node.op != Op::kFullyConnected || !start(node)) continue;
      while (const auto block = read_block()) {
        found_.blocks.push_back(*block);
        found_.nodes.insert(found_.nodes.end(), taken_.begin(), taken_.end());
        if (block->query) break;  // It leaves one row.
      }
      // The first product that is followed by attention decides.
      if (found_.blocks.empty()) return std::nullopt;
      read_first_norm();
      std::sort(found_.nodes.begin(), found_.nodes.end());
      return found_;
    }
    return std::nullopt;
  }

 private:
  // Whether a product is a block's projections; notes the shape of all blocks.
  bool start(const GraphNode& node) {
    const GraphNode* reshape = graph_.next(node.output(), Op::kReshape);
    if (!reshape || graph_.tensor(reshape->output()).dims->size != 3 ||
        graph_.tensor(node.input(0)).dims->size != 2)
      return false;
    const int* dims = graph_.tensor(reshape->output()).dims->data;
    found_.length = dims[0];
    found_.head_size = dims[2];
    found_.hidden_size = graph_.tensor(node.input(0)).dims->data[1];
    if (found_.head_size < 16 || found_.head_size % 16 || found_.hidden_size < 16 ||
        found_.hidden_size % found_.head_size)
      return false;
    found_.heads = found_.hidden_size / found_.head_size;
    found_.read = node.input(0);
    found_.states = -1;
    next_ = &node;
    return true;
  }

  // The norm of the embeddings, if nobody but the first block reads it.
  void read_first_norm() {
    for (const GraphNode& node : graph_.nodes()) {
      if (node.op != Op::kMean) continue;
      taken_.clear();
      FoundNorm norm{};
      const int x = node.input(0);
      if (!read_norm(x, found_.length, &norm) || norm.scaled != found_.states) continue;
      const bool is_read = found_.read == norm.normed || found_.read == norm.scaled;
      if (!is_read || num_readers(norm) != 3) return;
      found_.first_norm = norm;
      found_.states = x;
      found_.nodes.insert(found_.nodes.end(), taken_.begin(), taken_.end());
      return;
    }
  }

  std::optional<FoundBlock> read_block() {
    taken_.clear();
    FoundBlock block{};
    const int last =
        found_.blocks.empty() ? -1 : found_.blocks.back().output_norm.scaled;
    if (!next_ || !take(*next_, Op::kFullyConnected)) return std::nullopt;
    const GraphNode& first = *next_;
    const int hidden = found_.hidden_size, length = found_.length;
    const int parts = graph_.tensor(first.output()).dims->data[1] / hidden;
    if (parts != 2 && parts != 3) return std::nullopt;
    if (!read_matrix(graph_, first, length, parts * hidden, hidden, &block.projections))
      return std::nullopt;

    const GraphNode* split = read_heads(first.output(), parts);
    if (!split) return std::nullopt;
    int query = split->output(0), rows = length;
    const int key = split->output(parts - 2), value = split->output(parts - 1);
    const GraphNode* scores = graph_.next(key, Op::kBatchMatMul);
    if (!scores || scores->input(1) != key) return std::nullopt;
    int residual = -1;
    if (parts == 2) {
      query = scores->input(0);
      rows = 1;
      if (!read_query(query, &block, &residual)) return std::nullopt;
    }
    const int attended = read_attention(*scores, query, value, rows);
    if (attended < 0) return std::nullopt;

    const GraphNode* product = graph_.next(attended, Op::kFullyConnected);
    if (!take(product) ||
        !read_matrix(graph_, *product, rows, hidden, hidden, &block.attention_output))
      return std::nullopt;
    int states = read_sum(product->output(), &residual);
    if (states < 0) return std::nullopt;
    if (parts == 3 && !continues(last, residual)) return std::nullopt;
    if (!read_norm(states, rows, &block.attention_norm)) return std::nullopt;
    return read_feed_forward(rows, block);
  }

  std::optional<FoundBlock> read_feed_forward(int rows, FoundBlock block) {
    const int hidden = found_.hidden_size;
    const GraphNode* product = reader(block.attention_norm);
    if (!take(product)) return std::nullopt;
    const int width = graph_.tensor(product->output()).dims->data[1];
    if (found_.blocks.empty()) found_.intermediate_size = width;
    if (width != found_.intermediate_size || width % 16) return std::nullopt;
    if (!read_matrix(graph_, *product, rows, width, hidden, &block.intermediate))
      return std::nullopt;
    const GraphNode* gelu = graph_.next(product->output(), Op::kGelu);
    if (!take(gelu)) return std::nullopt;
    block.gelu_is_approximate = gelu->options<TfLiteGeluParams>().approximate;
    product = graph_.next(gelu->output(), Op::kFullyConnected);
    if (!take(product) ||
        !read_matrix(graph_, *product, rows, hidden, width, &block.output))
      return std::nullopt;
    int residual = block.attention_norm.scaled;
    const int states = read_sum(product->output(), &residual);
    if (states < 0 || !read_norm(states, rows, &block.output_norm, true))
      return std::nullopt;
    next_ = nullptr;
    if (block.output_norm.scaled < 0) return block;
    // Between the blocks nobody else may read; behind the last, anybody may.
    const GraphNode* reads_normed =
        graph_.among(block.output_norm.normed, Op::kFullyConnected);
    const GraphNode* reads_scaled =
        graph_.among(block.output_norm.scaled, Op::kFullyConnected);
    next_ = reads_normed ? reads_normed : reads_scaled;
    return block;
  }

  // RESHAPE, TRANSPOSE, SPLIT: (length, parts * hidden) -> parts of (heads, length,
  // head_size).
  const GraphNode* read_heads(int tensor, int parts) {
    const GraphNode* reshape = graph_.next(tensor, Op::kReshape);
    if (!take(reshape)) return nullptr;
    const int joined = parts * found_.heads;
    if (!graph_.has_shape(reshape->output(), {found_.length, joined, found_.head_size}))
      return nullptr;
    const GraphNode* transpose = graph_.next(reshape->output(), Op::kTranspose);
    if (!take(transpose) || !swaps_first_axes(graph_, *transpose)) return nullptr;
    const GraphNode* split = graph_.next(transpose->output(), Op::kSplit);
    if (!take(split) || split->node->outputs->size != parts) return nullptr;
    const int32_t* axis = graph_.integers(split->input(0), 1);
    return axis && *axis == 0 ? split : nullptr;
  }

  // The query of a last block, which is of the first row: STRIDED_SLICE of the states,
  // a product, RESHAPE. `residual` becomes the slice.
  bool read_query(int query, FoundBlock* block, int* residual) {
    const int last =
        found_.blocks.empty() ? -1 : found_.blocks.back().output_norm.scaled;
    for (const GraphNode& slice : graph_.nodes()) {
      if (slice.op != Op::kStridedSlice) continue;
      if (!graph_.has_shape(slice.output(), {1, found_.hidden_size})) continue;
      const GraphNode* product = graph_.among(slice.output(), Op::kFullyConnected);
      const GraphNode* reshape =
          product ? graph_.next(product->output(), Op::kReshape) : nullptr;
      if (!reshape || reshape->output() != query) continue;
      FoundMatrix alone;
      const bool fits = take(slice, Op::kStridedSlice) && take(product) &&
                        take(reshape) && takes_first_row(graph_, slice) &&
                        read_matrix(graph_, *product, 1, found_.hidden_size,
                                    found_.hidden_size, &alone) &&
                        graph_.consumers(slice.output()).size() == 2 &&
                        continues(last, slice.input(0));
      if (!fits) return false;
      block->query = alone;
      *residual = slice.output();
      return true;
    }
    return false;
  }

  // BATCH_MATMUL, ADD, SOFTMAX, BATCH_MATMUL, (TRANSPOSE,) RESHAPE: the tensor of
  // (rows, hidden_size), or -1.
  int read_attention(const GraphNode& scores, int query, int value, int rows) {
    const auto& joins = scores.options<TfLiteBatchMatMulParams>();
    if (!take(scores, Op::kBatchMatMul) || joins.adj_x || !joins.adj_y) return -1;
    if (scores.input(0) != query || graph_.consumers(query).size() != 1) return -1;
    const GraphNode* add = graph_.next(scores.output(), Op::kAdd);
    if (!take(add) || has_activation(*add)) return -1;
    const int penalty = other_input(*add, scores.output());
    if (found_.blocks.empty()) found_.penalty = penalty;
    if (penalty != found_.penalty) return -1;
    if (!graph_.has_shape(penalty, {1, found_.length})) return -1;
    const GraphNode* softmax = graph_.next(add->output(), Op::kSoftmax);
    if (!take(softmax) || softmax->options<TfLiteSoftmaxParams>().beta != 1) return -1;
    const GraphNode* mix = graph_.next(softmax->output(), Op::kBatchMatMul);
    if (!take(mix) || mix->input(0) != softmax->output()) return -1;
    const auto& mixes = mix->options<TfLiteBatchMatMulParams>();
    if (mix->input(1) != value || mixes.adj_x || mixes.adj_y) return -1;
    if (graph_.consumers(value).size() != 1) return -1;
    int attended = mix->output();
    // Of one row, both axes are in order as they are.
    if (const GraphNode* transpose = graph_.next(attended, Op::kTranspose)) {
      if (!take(transpose) || !swaps_first_axes(graph_, *transpose)) return -1;
      attended = transpose->output();
    } else if (rows != 1) {
      return -1;
    }
    const GraphNode* reshape = graph_.next(attended, Op::kReshape);
    if (!take(reshape)) return -1;
    if (!graph_.has_shape(reshape->output(), {rows, found_.hidden_size})) return -1;
    return reshape->output();
  }

  // ADD of a residual: if `residual` is not -1 it must be that.
  int read_sum(int tensor, int* residual) {
    const GraphNode* add = graph_.next(tensor, Op::kAdd);
    if (!take(add) || has_activation(*add)) return -1;
    const int other = other_input(*add, tensor);
    if (*residual >= 0 && other != *residual) return -1;
    *residual = other;
    return add->output();
  }

  // may_be_folded: its gamma and beta may be in the weights of a head that reads it.
  bool read_norm(int x, int rows, FoundNorm* norm, bool may_be_folded = false) {
    const int hidden = found_.hidden_size;
    const GraphNode* mean = graph_.among(x, Op::kMean);
    const GraphNode* center = graph_.among(x, Op::kSub);
    const GraphNode* square = graph_.among(x, Op::kSquaredDifference);
    if (graph_.consumers(x).size() != 3 || !take(mean) || !take(center) ||
        !take(square))
      return false;
    const int average = mean->output();
    if (!averages_rows(graph_, *mean) || graph_.consumers(average).size() != 2)
      return false;
    for (const GraphNode* node : {center, square})
      if (node->input(0) != x || node->input(1) != average) return false;
    const GraphNode* variance = graph_.next(square->output(), Op::kMean);
    if (!take(variance) || !averages_rows(graph_, *variance)) return false;
    const GraphNode* add = graph_.next(variance->output(), Op::kAdd);
    if (!take(add) || has_activation(*add)) return false;
    const float* epsilon = graph_.floats(other_input(*add, variance->output()), 1);
    if (!epsilon) return false;
    norm->epsilon = *epsilon;
    const GraphNode* root = graph_.next(add->output(), Op::kRsqrt);
    if (!take(root)) return false;
    const GraphNode* divide = graph_.next(root->output(), Op::kMul);
    if (!take(divide) || other_input(*divide, root->output()) != center->output())
      return false;
    if (graph_.consumers(center->output()).size() != 1) return false;
    norm->normed = divide->output();
    if (may_be_folded && !graph_.among(norm->normed, Op::kMul)) {
      norm->gamma = norm->beta = norm->scaled = -1;
      return graph_.has_shape(norm->normed, {rows, hidden});
    }
    const GraphNode* scale = graph_.among(norm->normed, Op::kMul);
    if (!take(scale)) return false;
    norm->gamma = other_input(*scale, norm->normed);
    const GraphNode* shift = graph_.next(scale->output(), Op::kAdd);
    if (!take(shift) || has_activation(*shift)) return false;
    norm->beta = other_input(*shift, scale->output());
    norm->scaled = shift->output();
    return graph_.floats(norm->gamma, hidden) && graph_.floats(norm->beta, hidden) &&
           graph_.has_shape(norm->scaled, {rows, hidden});
  }

  // The product that reads a norm, before or after its gamma and beta.
  const GraphNode* reader(const FoundNorm& norm) const {
    // One of its MUL, one of the residual's ADD, and the product.
    if (num_readers(norm) != 3) return nullptr;
    const bool is_of_normed = graph_.consumers(norm.normed).size() == 2;
    return graph_.among(is_of_normed ? norm.normed : norm.scaled, Op::kFullyConnected);
  }

  size_t num_readers(const FoundNorm& norm) const {
    return graph_.consumers(norm.normed).size() + graph_.consumers(norm.scaled).size();
  }

  // Whether a block's residual is what the block before ended in; the first's is noted.
  bool continues(int last, int residual) {
    if (last >= 0) return residual == last;
    found_.states = residual;
    return graph_.has_shape(residual, {found_.length, found_.hidden_size});
  }

  bool take(const GraphNode* node) { return node && take(*node, node->op); }
  bool take(const GraphNode& node, Op op) {
    taken_.push_back(node.index);
    return node.op == op;
  }

  const Graph& graph_;
  FoundEncoder found_{};
  const GraphNode* next_ = nullptr;
  std::vector<int> taken_;
};

}  // namespace

std::optional<FoundEncoder> find_encoder(const Graph& graph) {
  return Finder(graph).find();
}

}  // namespace bert_cpu
