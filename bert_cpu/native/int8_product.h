// Rows of uint8 times columns of int8: what all products of an int8 encoder come to.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace bert_cpu {

// 6 rows of 4 vectors of sums leave 8 of 32 registers for what is multiplied.
constexpr int kMostRows = 6;
constexpr int kMostVectors = 4;
// Fours that are multiplied between two calls of `meanwhile`.
constexpr int kFours = 4;

struct Nothing {
  void operator()(int) const {}
};

// sums = start + codes * columns, of kRows rows and 16 * kVectors columns.
//
// codes: `stride` bytes from row to row.
// columns: for four numbers of a row, each column's four in 32 bits (as VPDPBUSD adds
//   them up), `columns_stride` of 32 bits from four to four; `fours` of them.
// start: 16 * kVectors numbers that each row's sums begin with, or null for zeros.
// sums: `sums_stride` from row to row. They go through memory, since a compiler that
//   has to keep them for more would store them in each round.
// next: what is needed afterwards. With each four, kAhead cache lines of it are asked
//   for, to come meanwhile.
// meanwhile: work of another kind, which runs where products leave the processor time;
//   it is called with 0, 1, ..., once after every kFours fours.
template <int kRows, int kVectors, int kAhead = 0, typename Meanwhile = Nothing>
inline void int8_product(const uint8_t* codes, int stride, const uint32_t* columns,
                         int columns_stride, int fours, const int32_t* start,
                         int32_t* sums, int sums_stride, const int8_t* next = nullptr,
                         const Meanwhile& meanwhile = {}) {
  __m512i sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sum[r][v] = start ? _mm512_load_si512(start + 16 * v) : _mm512_setzero_si512();
  const auto add = [&](int at) {
    __m512i column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) column[v] = _mm512_load_si512(columns + 16 * v);
#pragma GCC unroll 4
    for (int line = 0; line < kAhead; ++line, next += 64)
      _mm_prefetch(reinterpret_cast<const char*>(next), _MM_HINT_T1);
    columns += columns_stride;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      std::memcpy(&four, codes + size_t(r) * stride + 4 * at, 4);
      const __m512i row = _mm512_set1_epi32(four);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], row, column[v]);
    }
  };
  int at = 0;
  for (int turn = 0; at + kFours <= fours; ++turn) {
#pragma GCC unroll 4
    for (int i = 0; i < kFours; ++i) add(at++);
    meanwhile(turn);
  }
  for (; at < fours; ++at) add(at);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      _mm512_store_si512(sums + size_t(r) * sums_stride + 16 * v, sum[r][v]);
  // Whoever reads them shall read memory.
  asm volatile("" : : "r"(sums) : "memory");
}

}  // namespace bert_cpu
