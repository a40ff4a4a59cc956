#include "packed_matrix.h"

#include <immintrin.h>

#include <algorithm>

#include "bytes_of.h"
#include "int8_product.h"
#include "with_constant.h"

namespace bert_cpu {
namespace {

constexpr int kPanel = 64;
static_assert(kPanel == 16 * kMostVectors);
// Weights of a short text come from far. So while a panel is multiplied, the next one
// is asked for, by so many cache lines for each four of this one: had it to come within
// the first of its own tiles, that would wait. (A text of 27 tokens takes 3 % less than
// with lines that are asked for 2 KB before their use, 384 tokens 1 %.) One row does
// not compute enough for it to pay.
template <int kRows>
constexpr int kAhead = kRows > 1 ? 2 : 0;

// Of 16 columns the weights [k, k + 16), as 4 vectors with 4 weights of each column.
void transpose(const int8_t* const (&columns)[16], int k, __m512i (&fours)[4]) {
  __m512i joined[4];  // Column i in lane i / 4 of vector i % 4.
  for (int i = 0; i < 4; ++i) {
    const auto load = [&](int column) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(columns[column] + k));
    };
    __m512i vector = _mm512_castsi128_si512(load(i));
    vector = _mm512_inserti32x4(vector, load(i + 4), 1);
    vector = _mm512_inserti32x4(vector, load(i + 8), 2);
    joined[i] = _mm512_inserti32x4(vector, load(i + 12), 3);
  }
  transpose_fours(joined, fours);
}

// Calls function(column, k, fours) with the weights [k, k + 16) of the columns
// [column, column + 16), zeros behind the last column.
template <typename Function>
void each_fours(const int8_t* weights, int out, int in, const Function& function) {
  const auto nothing = make_aligned<int8_t>(in);
  for (int column = 0; column < out; column += 16) {
    const int8_t* sources[16];
    for (int i = 0; i < 16; ++i)
      sources[i] = column + i < out ? weights + size_t(column + i) * in : nothing.get();
    for (int k = 0; k < in; k += 16) {
      __m512i fours[4];
      transpose(sources, k, fours);
      function(column, k, fours);
    }
  }
}

// Where the weight k of a column is in panels.
size_t place_of(int column, int k, int in) {
  return size_t(column / kPanel) * kPanel * in + size_t(k) * kPanel +
         4 * (column % kPanel);
}

}  // namespace

PackedMatrix::PackedMatrix(const int8_t* weights, const float* scales,
                           const float* bias, int out, int in)
    : out(out),
      in(in),
      out_padded(round_up(out, kPanel)),
      panels_(out == out_padded ? make_unset<int8_t>(size_t(out) * in)
                                : make_aligned<int8_t>(size_t(out_padded) * in)),
      sums_(make_aligned<int32_t>(out_padded)),
      scales_(make_aligned<float>(out_padded)),
      bias_(make_aligned<float>(out_padded)) {
  std::copy_n(scales, out, scales_.get());
  if (bias) std::copy_n(bias, out, bias_.get());
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sum = _mm512_setzero_si512();
  each_fours(weights, out, in, [&](int column, int k, const __m512i(&fours)[4]) {
    int8_t* panel = &panels_[place_of(column, k, in)];
    if (k == 0) sum = _mm512_setzero_si512();
    for (int i = 0; i < 4; ++i) {
      _mm512_store_si512(panel + 4 * i * kPanel, fours[i]);
      sum = _mm512_dpbusd_epi32(sum, ones, fours[i]);
    }
    if (k + 16 == in) _mm512_store_si512(&sums_[column], sum);
  });
}

bool PackedMatrix::has_weights(const int8_t* weights) const {
  __mmask16 others = 0;
  each_fours(weights, out, in, [&](int column, int k, const __m512i(&fours)[4]) {
    const int8_t* panel = &panels_[place_of(column, k, in)];
    for (int i = 0; i < 4; ++i)
      others |=
          _mm512_cmpneq_epi32_mask(_mm512_load_si512(panel + 4 * i * kPanel), fours[i]);
  });
  return !others;
}

void PackedMatrix::multiply(const QuantizedRows& x, int rows, float* y, int y_stride,
                            const Epilogue& epilogue) const {
  const int blocks = (rows + kMostRows - 1) / kMostRows;
  const int panels = out_padded / kPanel;
  const size_t panel_size = size_t(kPanel) * in;
  // A panel stays in the nearest cache while all rows pass it.
  for (int panel = 0; panel < panels; ++panel) {
    const int8_t* next = panels_.get() + std::min(panel + 1, panels - 1) * panel_size;
    for (int block = 0; block < blocks; ++block) {
      const int row = rows * block / blocks;
      // Its first half, or its second one.
      const int8_t* half = next + block % 2 * (panel_size / 2);
      with_constant<kMostRows>(rows * (block + 1) / blocks - row, [&](auto count) {
        tile<count>(x, row, panel, y, y_stride, epilogue, half);
      });
    }
  }
}

template <int kRows>
void PackedMatrix::tile(const QuantizedRows& x, int row, int panel, float* y,
                        int y_stride, const Epilogue& epilogue,
                        const int8_t* next) const {
  alignas(64) int32_t sums[kRows][kPanel];
  int8_product<kRows, kMostVectors, kAhead<kRows>>(
      x.codes.get() + size_t(row) * in, in,
      reinterpret_cast<const uint32_t*>(panels_.get() + size_t(panel) * kPanel * in),
      kPanel, in / 4, nullptr, sums[0], kPanel, next);
  const int column = panel * kPanel;
  y += size_t(row) * y_stride + column;
  const auto finish = [&](const auto& ending) {
    finish_tile<kRows>(sums[0], x, row, column, y, y_stride, ending);
  };
  // Endings have copies, which no number that is written can change: so they stay in
  // registers.
  if (epilogue.gelu) {
    finish([gelu = *epilogue.gelu](__m512 value, int, int) { return gelu(value); });
  } else if (epilogue.residual) {
    const int stride = epilogue.residual_stride;
    const float* residual = epilogue.residual + size_t(row) * stride + column;
    finish([=](__m512 value, int r, int at) {
      return _mm512_add_ps(value, _mm512_loadu_ps(residual + size_t(r) * stride + at));
    });
  } else {
    finish([](__m512 value, int, int) { return value; });
  }
}

template <int kRows, typename Ending>
void PackedMatrix::finish_tile(const int32_t* sums, const QuantizedRows& x, int row,
                               int column, float* y, int y_stride,
                               const Ending& ending) const {
  int32_t zeros[kRows];
  float steps[kRows];
  std::copy_n(&x.zero[row], kRows, zeros);
  std::copy_n(&x.step[row], kRows, steps);
  for (int at = 0; at < kPanel; at += 16) {
    const __m512i column_sum = _mm512_load_si512(&sums_[column + at]);
    const __m512 column_scale = _mm512_load_ps(&scales_[column + at]);
    const __m512 bias = _mm512_load_ps(&bias_[column + at]);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const __m512i shift = _mm512_mullo_epi32(_mm512_set1_epi32(zeros[r]), column_sum);
      const __m512i sum = _mm512_load_si512(sums + r * kPanel + at);
      const __m512 exact = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, shift));
      const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(steps[r]), column_scale);
      const __m512 value = _mm512_fmadd_ps(exact, scale, bias);
      _mm512_store_ps(y + size_t(r) * y_stride + at, ending(value, r, at));
    }
  }
}

}  // namespace bert_cpu
