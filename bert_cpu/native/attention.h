// Softmax attention of one sequence in bfloat16, with sums in float32.
//
// Vaswani et al. 2017, https://arxiv.org/abs/1706.03762. The scores of a few queries
// are all that is kept of them at a time, in the nearest cache.
#pragma once

#include <cstdint>

#include "aligned.h"

namespace bert_cpu {

// Keys and values as VDPBF16PS reads them: pairs of numbers that are added together.
struct KeysAndValues {
  KeysAndValues(int heads, int head_size, int length);

  // `keys` and `values`: float32 rows [row, row + rows), `stride` apart, of heads
  // one behind the other. `row` is even.
  void set_rows(int row, int rows, const float* keys, const float* values, int stride);

  const int heads, head_size, padded_length;
  // [head][head_size / 2][padded_length] pairs of a key's numbers.
  Aligned<uint32_t> keys;
  // [head][padded_length / 2][head_size] pairs of two rows' numbers.
  Aligned<uint32_t> values;
};

// For one thread: what the scores of a few queries need.
struct AttentionScratch {
  explicit AttentionScratch(int length);

  Aligned<float> scores;
  Aligned<uint32_t> shares;
};

// Attends to `length` keys.
//
// queries: bfloat16 (rows, heads * head_size), already divided by the square root of
//   the head size.
// penalty: float32, added to the scores; `padded_length` of it, very small from
//   `length` on.
// attended: float32 (rows, heads * head_size).
void attend(const uint16_t* queries, int rows, const KeysAndValues& past, int length,
            const float* penalty, AttentionScratch& scratch, float* attended);

// Rounds to bfloat16; `count` is a multiple of 16.
void to_bfloat16(const float* x, int count, uint16_t* rounded);

}  // namespace bert_cpu
