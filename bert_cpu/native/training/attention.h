// Attention in training: from projections to what each head gathers, and back.
//
// Scores are float32 and never leave the cache; only two numbers of each query are kept
// for the gradient, which makes the weights anew (as Dao et al. 2022 do,
// https://arxiv.org/abs/2205.14135). So memory grows with the length, not its square.
#pragma once

#include <cstdint>

#include "keep.h"

namespace bert_cpu {

struct AttentionShape {
  int64_t batch;
  int length, heads, head_size;  // head_size is a multiple of 16.

  int width() const { return heads * head_size; }
};

// projected: bfloat16 (batch * length, 3 * width): queries, keys and values, each with
//   heads side by side.
// blocked: (batch, length), added to scores: 0, or large and negative.
// scale: multiplies scores before.
// Writes context, bfloat16 (batch * length, width), and kept, (batch, heads, length,
// 2):
//   of each query the largest score, and 1 over the sum of powers.
void attend(const uint16_t* projected, const float* blocked, float scale,
            const Keep& keep, const AttentionShape& shape, uint16_t* context,
            float* kept);

// upstream: the gradient of context. Writes that of projected.
void attend_gradient(const uint16_t* projected, const float* blocked, float scale,
                     const Keep& keep, const AttentionShape& shape, const float* kept,
                     const uint16_t* upstream, uint16_t* to_projected);

}  // namespace bert_cpu
