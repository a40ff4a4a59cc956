#include "encoder.h"

#include <algorithm>

namespace bert_cpu {
namespace {

// Rows that a thread takes at a time. More of them reuse weights that are in the
// cache; fewer keep their own numbers there.
constexpr int kMostChunk = 48;
// From so many on, a thread takes half of its share, and may then help the others.
constexpr int kHalved = 32;
// Padding's penalty: whatever is below is no token.
constexpr float kNoToken = -1e3f;

}  // namespace

// One thread's buffers, for the rows that it has taken. Not even zeros are written
// before it takes some: a machine may have more threads than a text has rows.
struct Encoder::Worker {
  explicit Worker(const EncoderShape& s)
      : narrow(kMostChunk, s.hidden_size),
        wide(kMostChunk, s.intermediate_size),
        projected(
            make_unset<float>(size_t(kMostChunk) * round_up(3 * s.hidden_size, 64))),
        grown(
            make_unset<float>(size_t(kMostChunk) * round_up(s.intermediate_size, 64))),
        summed(make_unset<float>(size_t(kMostChunk) * round_up(s.hidden_size, 64))),
        attended(make_unset<float>(size_t(kMostChunk) * s.hidden_size)),
        attention(s.length) {}

  QuantizedRows narrow, wide;
  Aligned<float> projected, grown, summed, attended;
  AttentionScratch attention;
};

Encoder::Encoder(EncoderShape shape, std::optional<LayerNorm> first_norm,
                 std::vector<Block> blocks, ThreadTeam* team)
    : shape_(shape),
      first_norm_(first_norm),
      blocks_(std::move(blocks)),
      team_(team),
      states_(
          make_aligned<float>(size_t(shape.length) * round_up(shape.hidden_size, 64))),
      normed_(
          make_aligned<float>(size_t(shape.length) * round_up(shape.hidden_size, 64))),
      penalty_(make_aligned<float>(round_up(shape.length, 32))),
      queries_(shape.length, shape.heads, shape.head_size),
      past_{{shape.heads, shape.head_size, shape.length},
            {shape.heads, shape.head_size, shape.length}},
      attend_for_one_(shape.length, shape.hidden_size, shape.heads),
      phases_(blocks_.size() + 1) {
  for (int member = 0; member < team->size; ++member)
    workers_.push_back(std::make_unique<Worker>(shape));
}

Encoder::~Encoder() = default;

void Encoder::run(const float* states, const float* read, const float* penalty,
                  float* scaled, float* normed) {
  const int hidden = shape_.hidden_size, stride = round_up(hidden, 64);
  rows_ = shape_.length;
  while (rows_ > 1 && penalty[rows_ - 1] < kNoToken) --rows_;
  given_states_ = states;
  given_read_ = read;
  std::copy_n(penalty, rows_, penalty_.get());
  std::fill(&penalty_[rows_], &penalty_[round_up(rows_, 32)], -1e30f);
  for (Shared& phase : phases_) phase.reset();
  int share = (rows_ + team_->size - 1) / team_->size;
  if (team_->size > 1 && share >= kHalved) share = (share + 1) / 2;
  // Of 4, since values are kept in fours of rows.
  chunk_ = std::min(round_up(share, 4), kMostChunk);

  team_->run([this](int member) { work(member); });

  const bool first_only = blocks_.back().query != nullptr;
  const int given = first_only ? 1 : rows_, length = first_only ? 1 : shape_.length;
  for (auto [target, source] :
       {std::pair(scaled, states_.get()), std::pair(normed, normed_.get())}) {
    if (!target) continue;
    for (int row = 0; row < given; ++row)
      std::copy_n(source + size_t(row) * stride, hidden, target + size_t(row) * hidden);
    std::fill(target + size_t(given) * hidden, target + size_t(length) * hidden, 0.0f);
  }
}

void Encoder::work(int member) {
  Worker& worker = *workers_[member];
  const int last = static_cast<int>(blocks_.size()) - 1;
  phases_[0].each(rows_, chunk_, [&](int row, int rows) {
    take_in(row, rows);
    project(worker, 0, row, rows, projections_read(0));
  });
  for (int block = 0; block <= last; ++block) {
    const int queries = blocks_[block].query ? 1 : rows_;
    phases_[block + 1].each(queries, chunk_, [&](int row, int rows) {
      finish_block(worker, block, row, rows);
      if (block == last) return;
      project(worker, block + 1, row, rows, projections_read(block + 1));
    });
  }
}

void Encoder::take_in(int row, int rows) {
  const int hidden = shape_.hidden_size, stride = round_up(hidden, 64);
  for (int r = row; r < row + rows; ++r) {
    const float* given = given_states_ + size_t(r) * hidden;
    float *states = &states_[size_t(r) * stride],
          *normed = &normed_[size_t(r) * stride];
    if (first_norm_) {
      (*first_norm_)(given, hidden, normed, states);
    } else {
      std::copy_n(given, hidden, states);
      std::copy_n(given_read_ + size_t(r) * hidden, hidden, normed);
    }
  }
}

Reads Encoder::projections_read(int block) const {
  // What is given normed lies in `normed_`, whatever it is.
  return block || first_norm_ ? blocks_[block].projections_read : Reads::kNormed;
}

void Encoder::quantize(Worker& worker, int row, int rows, Reads reads) {
  const int stride = round_up(shape_.hidden_size, 64);
  for (int r = 0; r < rows; ++r)
    worker.narrow.set_row(r, rows_of(reads) + size_t(row + r) * stride);
}

const float* Encoder::rows_of(Reads reads) const {
  return reads == Reads::kNormed ? normed_.get() : states_.get();
}

void Encoder::project(Worker& worker, int block, int row, int rows, Reads reads) {
  if (blocks_[block].query) return;  // No row needs a key or value.
  quantize(worker, row, rows, reads);
  const PackedMatrix& matrix = *blocks_[block].projections;
  const int hidden = shape_.hidden_size, stride = matrix.out_padded;
  const float* y = worker.projected.get();
  matrix.multiply(worker.narrow, rows, worker.projected.get(), stride);
  queries_.set_rows(row, rows, y, stride);
  past_[block % 2].set_rows(row, rows, y + hidden, y + 2 * hidden, stride);
}

void Encoder::attend_in(Worker& worker, int number, int row, int rows) {
  const Block& block = blocks_[number];
  float* attended = worker.attended.get();
  if (!block.query) {
    attend(queries_, row, rows, past_[number % 2], rows_, penalty_.get(),
           worker.attention, attended);
    return;
  }
  const int stride = round_up(shape_.hidden_size, 64);
  // Of the block before, or of the first block's input.
  quantize(worker, 0, 1, block.query_reads);
  block.query->multiply(worker.narrow, 1, worker.summed.get(), stride);
  attend_for_one_(block.past, worker.summed.get(), rows_of(projections_read(number)),
                  rows_, stride, penalty_.get(), attended);
}

void Encoder::finish_block(Worker& worker, int number, int row, int rows) {
  const Block& block = blocks_[number];
  const int hidden = shape_.hidden_size, stride = round_up(hidden, 64);
  attend_in(worker, number, row, rows);
  for (int r = 0; r < rows; ++r)
    worker.narrow.set_row(r, &worker.attended[size_t(r) * hidden]);

  float* states = &states_[size_t(row) * stride];
  float* normed = &normed_[size_t(row) * stride];
  const auto add_and_norm = [&](const PackedMatrix& matrix, const QuantizedRows& x,
                                const LayerNorm& norm) {
    Epilogue epilogue;
    epilogue.residual = states;
    epilogue.residual_stride = stride;
    matrix.multiply(x, rows, worker.summed.get(), stride, epilogue);
    for (int r = 0; r < rows; ++r)
      norm(&worker.summed[size_t(r) * stride], hidden, normed + size_t(r) * stride,
           states + size_t(r) * stride);
  };
  add_and_norm(*block.attention_output, worker.narrow, block.attention_norm);
  quantize(worker, row, rows, block.intermediate_reads);
  Epilogue epilogue;
  epilogue.gelu = block.gelu;
  const int grown_stride = block.intermediate->out_padded;
  block.intermediate->multiply(worker.narrow, rows, worker.grown.get(), grown_stride,
                               epilogue);
  for (int r = 0; r < rows; ++r)
    worker.wide.set_row(r, &worker.grown[size_t(r) * grown_stride]);
  add_and_norm(*block.output, worker.wide, block.output_norm);
}

}  // namespace bert_cpu
