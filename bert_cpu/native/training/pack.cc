#include "pack.h"

#include <algorithm>
#include <cstring>

namespace bert_cpu {
namespace {

// 16 rows of 16 pairs: a pair of each row becomes a row.
void transpose(const __m512i* rows, uint32_t* target, int64_t stride) {
  __m512i a[16], b[16];
  for (int i = 0; i < 16; i += 2) {  // Within quarters: 2 rows,
    a[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // 4 rows,
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  // b[4 * r + c] has, in quarter q, column 4 * q + c of rows 4 * r to 4 * r + 3.
  for (int c = 0; c < 4; ++c) {
    const __m512i low01 = _mm512_shuffle_i32x4(b[c], b[4 + c], 0x88);
    const __m512i high01 = _mm512_shuffle_i32x4(b[c], b[4 + c], 0xDD);
    const __m512i low23 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0x88);
    const __m512i high23 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0xDD);
    uint32_t* at = target + c * stride;
    _mm512_storeu_si512(at, _mm512_shuffle_i32x4(low01, low23, 0x88));
    _mm512_storeu_si512(at + 4 * stride, _mm512_shuffle_i32x4(high01, high23, 0x88));
    _mm512_storeu_si512(at + 8 * stride, _mm512_shuffle_i32x4(low01, low23, 0xDD));
    _mm512_storeu_si512(at + 12 * stride, _mm512_shuffle_i32x4(high01, high23, 0xDD));
  }
}

constexpr int kRowsAhead = 16;

void add_pairs(__m512i pairs, float* sums) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000u));
  const __m512 one = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
  const __m512 other = _mm512_castsi512_ps(_mm512_and_si512(pairs, upper));
  _mm512_storeu_ps(sums,
                   _mm512_add_ps(_mm512_loadu_ps(sums), _mm512_add_ps(one, other)));
}

__m512i load_row(const uint16_t* x) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
}

}  // namespace

void pack_columns(const uint16_t* x, int64_t stride, int rows, int columns,
                  int64_t stride_packed, uint32_t* packed) {
  const int whole_rows = rows / 16 * 16, whole_columns = columns / 32 * 32;
  for (int row = 0; row < whole_rows; row += 16)
    for (int column = 0; column < whole_columns; column += 32) {
      __m512i sixteen[16];
      for (int i = 0; i < 16; ++i)
        sixteen[i] = _mm512_loadu_si512(x + (row + i) * stride + column);
      transpose(sixteen, packed + column / 2 * stride_packed + row, stride_packed);
    }
  for (int row = 0; row < rows; ++row) {
    const int first = row < whole_rows ? whole_columns : 0;
    for (int column = first; column < columns; column += 2)
      std::memcpy(packed + column / 2 * stride_packed + row, x + row * stride + column,
                  4);
  }
}

void pack_rows(const uint16_t* x, int64_t stride, int rows, int columns,
               int64_t stride_packed, uint32_t* packed, float* sums) {
  if (sums) std::fill_n(sums, columns, 0.0f);
  for (int row = 0; row < rows; row += 2) {
    const uint16_t* at = x + row * stride;
    uint32_t* target = packed + row / 2 * stride_packed;
    // A few columns of rows that lie far apart are nothing that a processor foresees.
    for (int ahead = kRowsAhead; ahead < kRowsAhead + 2; ++ahead)
      for (int column = 0; column < columns; column += 32)
        _mm_prefetch(reinterpret_cast<const char*>(at + ahead * stride + column),
                     _MM_HINT_T0);
    const bool is_paired = row + 1 < rows;
    for (int column = 0; column < columns; column += 16) {
      __m512i pair = load_row(at + column);
      if (is_paired)
        pair = _mm512_or_si512(pair,
                               _mm512_slli_epi32(load_row(at + stride + column), 16));
      _mm512_storeu_si512(target + column, pair);
      if (sums) add_pairs(pair, sums + column);
    }
  }
}

}  // namespace bert_cpu
