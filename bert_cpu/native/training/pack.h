// Rows of bfloat16 numbers in the orders that products read them in.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace bert_cpu {

// Pairs of neighbouring columns: packed[column / 2][row], `stride_packed` rows apart.
// `columns` is a multiple of 2. What is behind `rows` is left as it is.
void pack_columns(const uint16_t* x, int64_t stride, int rows, int columns,
                  int64_t stride_packed, uint32_t* packed);

// Pairs of neighbouring rows: packed[row / 2][column], `stride_packed` columns apart.
// `columns` is a multiple of 16. Of an odd number of rows, the last one is paired with
// zeros. sums, if it is not null, gets the sum of each column.
void pack_rows(const uint16_t* x, int64_t stride, int rows, int columns,
               int64_t stride_packed, uint32_t* packed, float* sums = nullptr);

}  // namespace bert_cpu
