// What ends each half of an encoder block: dropout, the sum, and layer norm.
//
// Rows are bfloat16, sums and norms float32. `columns` is a multiple of 16.
#pragma once

#include <cstdint>

#include "keep.h"

namespace bert_cpu {

// x, change: of `rows` * `columns`. gamma, beta: of `columns`. Writes `output` and, for
// the gradient, `normed`, both like x, and the deviation of each row.
void add_and_norm(const uint16_t* x, const uint16_t* change, const float* gamma,
                  const float* beta, float epsilon, const Keep& keep, int64_t rows,
                  int columns, uint16_t* output, uint16_t* normed, float* deviation);

// upstream: the gradient of `output`. Writes those of x, change, gamma and beta.
void add_and_norm_gradient(const uint16_t* normed, const float* deviation,
                           const uint16_t* upstream, const float* gamma,
                           const Keep& keep, int64_t rows, int columns, uint16_t* to_x,
                           uint16_t* to_change, float* to_gamma, float* to_beta);

}  // namespace bert_cpu
