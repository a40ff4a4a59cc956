// The blocks of an encoder, computed for one sequence at a time.
//
// Devlin et al. 2018, https://arxiv.org/abs/1810.04805. Each thread takes a few rows
// through a whole block while they are in its own cache; threads wait for each other
// once a block, for keys and values.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "attend_for_one.h"
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
  // Query, key and value.
  std::shared_ptr<const PackedMatrix> projections;
  // In place of it, in a last block that serves the first row alone: that row's query,
  // and what keys and values would be made by.
  std::shared_ptr<const PackedMatrix> query;
  Int8Matrix past{};
  std::shared_ptr<const PackedMatrix> attention_output;
  LayerNorm attention_norm;
  std::shared_ptr<const PackedMatrix> intermediate;
  const GeluTable* gelu = nullptr;
  std::shared_ptr<const PackedMatrix> output;
  LayerNorm output_norm;
  // Of the block before: what `projections` (or keys and values) and `query` read. And
  // within the block.
  Reads projections_read, query_reads, intermediate_reads;
};

struct EncoderShape {
  int length, hidden_size, heads, head_size, intermediate_size;
};

class Encoder {
 public:
  // first_norm: of the rows that are given; without it they are normed already.
  Encoder(EncoderShape shape, std::optional<LayerNorm> first_norm,
          std::vector<Block> blocks, ThreadTeam* team);
  ~Encoder();

  // All float32. states: (length, hidden_size), what is added to the first block's
  // attention; read: what its projections read (may be `states`), or null where the
  // first norm makes both of `states`; penalty: (length),
  // 0 for tokens and very small for padding. scaled, normed: the last norm's result
  // and the same without gamma and beta, either may be null; of the first row where
  // the last block serves no other, else of all, those of padding at the end are 0.
  void run(const float* states, const float* read, const float* penalty, float* scaled,
           float* normed);

 private:
  struct Worker;

  void work(int member);
  void take_in(int row, int rows);
  void project(Worker& worker, int block, int row, int rows, Reads reads);
  void attend_in(Worker& worker, int block, int row, int rows);
  void finish_block(Worker& worker, int block, int row, int rows);
  void quantize(Worker& worker, int row, int rows, Reads reads);
  Reads projections_read(int block) const;
  const float* rows_of(Reads reads) const;

  const EncoderShape shape_;
  const std::optional<LayerNorm> first_norm_;
  const std::vector<Block> blocks_;
  ThreadTeam* const team_;
  std::vector<std::unique_ptr<Worker>> workers_;

  // Of all rows, for all threads.
  Aligned<float> states_, normed_, penalty_;
  QuantizedQueries queries_;
  // Those that are read and those that the next block will read.
  QuantizedPast past_[2];
  AttendForOne attend_for_one_;
  // What is done with all rows before anything else: the first projections, and then
  // block after block.
  std::vector<Shared> phases_;
  int rows_ = 0, chunk_ = 0;
  const float *given_states_ = nullptr, *given_read_ = nullptr;
};

}  // namespace bert_cpu
