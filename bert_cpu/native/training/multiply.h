// Products of bfloat16 pairs, summed in float32.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "../with_constant.h"

namespace bert_cpu {

// Two bfloat16 numbers that are multiplied with two others and added. `row` and `pair`
// are the distances between rows and between the pairs of one, in pairs.
struct Pairs {
  const void* data;
  int64_t row;
  int64_t pair;
};

// Bytes of b that are asked for before they are needed.
constexpr int kAhead = 2048;

template <int kRows, int kVectors, typename Store>
void multiply_tile(const Pairs& a, int first, const uint32_t* b, int64_t stride,
                   int pairs, const Store& store) {
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = _mm512_setzero_ps();
  const char* a_at = static_cast<const char*>(a.data) + 4 * first * a.row;
  for (int pair = 0; pair < pairs; ++pair) {
    const uint32_t* b_at = b + pair * stride;
    __m512bh column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      column[v] = reinterpret_cast<__m512bh>(_mm512_load_si512(b_at + 16 * v));
      _mm_prefetch(reinterpret_cast<const char*>(b_at + 16 * v) + kAhead, _MM_HINT_T0);
    }
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      int32_t two;
      std::memcpy(&two, a_at + 4 * (r * a.row + pair * a.pair), 4);
      const __m512bh both = reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        sum[r][v] = _mm512_dpbf16_ps(sum[r][v], both, column[v]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(first + r, 16 * v, sum[r][v]);
}

// The product of `rows` rows of a with b, whose pairs lie in `pairs` rows, `stride`
// apart, each of `columns` columns; columns and stride are multiples of 16, and b
// begins at a cache line. Calls store(row, column, sums) for 16 columns at a time.
template <typename Store>
void multiply(const Pairs& a, int rows, const uint32_t* b, int64_t stride, int columns,
              int pairs, const Store& store) {
  for (int column = 0; column < columns;) {
    // As many sums as there are registers for: 6 rows of 4 vectors, or 12 of 2.
    const int vectors = std::min(4, (columns - column) / 16);
    const int most = vectors > 2 ? 6 : 12;
    const int tiles = (rows + most - 1) / most;
    const auto shifted = [&](int row, int at, __m512 sum) {
      store(row, column + at, sum);
    };
    for (int tile = 0; tile < tiles; ++tile) {
      const int first = static_cast<int>(int64_t(rows) * tile / tiles);
      const int count = static_cast<int>(int64_t(rows) * (tile + 1) / tiles) - first;
      if (vectors > 2) {
        with_constant<6>(count, [&](auto tall) {
          if (vectors == 4)
            multiply_tile<tall, 4>(a, first, b + column, stride, pairs, shifted);
          else
            multiply_tile<tall, 3>(a, first, b + column, stride, pairs, shifted);
        });
      } else {
        with_constant<12>(count, [&](auto tall) {
          if (vectors == 2)
            multiply_tile<tall, 2>(a, first, b + column, stride, pairs, shifted);
          else
            multiply_tile<tall, 1>(a, first, b + column, stride, pairs, shifted);
        });
      }
    }
    column += 16 * vectors;
  }
}

}  // namespace bert_cpu
