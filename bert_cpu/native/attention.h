// Softmax attention of one sequence, with both of its products in 8 bits.
//
// Vaswani et al. 2017, https://arxiv.org/abs/1706.03762. The scores of a few queries
// are all that is kept of them at a time, in the nearest cache.
#pragma once

#include <cstdint>

#include "aligned.h"
#include "quantized_heads.h"

namespace bert_cpu {

// For one thread: what the scores of a few queries need.
struct AttentionScratch {
  explicit AttentionScratch(int length);

  Aligned<int32_t> products;  // Then the scores, as float32.
  Aligned<float> addends;
  Aligned<uint8_t> shares;
};

// Attends to the first `length` keys of `past`, with queries [row, row + rows) that are
// already divided by the square root of the head size.
//
// penalty: float32, added to the scores; `past.padded_length` of it, very small from
//   `length` on.
// attended: float32 (rows, heads * head_size).
void attend(const QuantizedQueries& queries, int row, int rows,
            const QuantizedPast& past, int length, const float* penalty,
            AttentionScratch& scratch, float* attended);

}  // namespace bert_cpu
