// The blocks of an encoder, computed for one sequence at a time.
//
// Devlin et al. 2018, https://arxiv.org/abs/1810.04805. Each thread takes a few rows
// through a whole block while they are in its own cache; threads wait for each other
// once a block, for keys and values.
#pragma once

#include <memory>
#include <vector>

#include "attention.h"
#include "gelu_table.h"
#include "layer_norm.h"
#include "packed_matrix.h"
#include "quantized_rows.h"
#include "thread_team.h"

namespace bert_cpu {

// What reads a layer norm's result: before its gamma and beta (which are then folded
// into the weights) or after.
enum class Reads { kNormed, kScaled };

struct Block {
  // Query, key and value; without the query where `query` stands alone.
  std::shared_ptr<const PackedMatrix> projections;
  // Of the first row alone, in a last block that serves no other.
  std::shared_ptr<const PackedMatrix> query;
  std::shared_ptr<const PackedMatrix> attention_output;
  LayerNorm attention_norm;
  std::shared_ptr<const PackedMatrix> intermediate;
  const GeluTable* gelu = nullptr;
  std::shared_ptr<const PackedMatrix> output;
  LayerNorm output_norm;
  // Of the block before: what `projections` and `query` read. And within the block.
  Reads projections_read, query_reads, intermediate_reads;
};

struct EncoderShape {
  int length, hidden_size, heads, head_size, intermediate_size;
};

class Encoder {
 public:
  Encoder(EncoderShape shape, std::vector<Block> blocks, ThreadTeam* team);
  ~Encoder();

  // All float32. states: (length, hidden_size), what is added to the first block's
  // attention; read: what its projections read (may be `states`); penalty: (length),
  // 0 for tokens and very small for padding. scaled, normed: the last norm's result
  // and the same without gamma and beta, either may be null; of the first row where
  // the last block serves no other, else of all, those of padding at the end are 0.
  void run(const float* states, const float* read, const float* penalty, float* scaled,
           float* normed);

 private:
  struct Worker;

  void work(int member);
  void project(Worker& worker, int block, int row, int rows);
  void finish_block(Worker& worker, int block, int row, int rows);
  void quantize(Worker& worker, int row, int rows, Reads reads);

  const EncoderShape shape_;
  const std::vector<Block> blocks_;
  ThreadTeam* const team_;
  std::vector<std::unique_ptr<Worker>> workers_;

  // Of all rows, for all threads.
  Aligned<float> states_, normed_, penalty_;
  QuantizedQueries queries_;
  // Those that are read and those that the next block will read.
  QuantizedPast past_[2];
  // What is done with all rows before anything else: the first projections, and then
  // block after block.
  std::vector<Shared> phases_;
  int rows_ = 0, chunk_ = 0;
};

}  // namespace bert_cpu
