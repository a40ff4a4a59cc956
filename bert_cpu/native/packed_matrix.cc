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

PackedMatrix::PackedMatrix(const Int8Matrix& matrix)
    : out(matrix.out),
      in(matrix.in),
      out_padded(round_up(out, kPanel)),
      panels_(out == out_padded ? make_unset<int8_t>(size_t(out) * in)
                                : make_aligned<int8_t>(size_t(out_padded) * in)),
      sums_(make_aligned<int32_t>(out_padded)),
      scales_(make_aligned<float>(out_padded)),
      bias_(make_aligned<float>(out_padded)) {
  std::copy_n(matrix.scales, out, scales_.get());
  if (matrix.bias) std::copy_n(matrix.bias, out, bias_.get());
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sum = _mm512_setzero_si512();
  each_fours(matrix.weights, out, in, [&](int column, int k, const __m512i(&fours)[4]) {
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
  const auto end_in = [&](const auto& ending) {
    multiply_and_end(x, rows, y, y_stride, ending);
  };
  // Endings have copies, which no number that is written can change: so they stay in
  // registers.
  if (epilogue.gelu) {
    end_in([gelu = *epilogue.gelu](__m512 value, int, int) { return gelu(value); });
  } else if (epilogue.residual) {
    end_in([residual = epilogue.residual, stride = epilogue.residual_stride](
               __m512 value, int row, int column) {
      const float* place = residual + size_t(row) * stride + column;
      return _mm512_add_ps(value, _mm512_loadu_ps(place));
    });
  } else {
    end_in([](__m512 value, int, int) { return value; });
  }
}

template <typename Ending>
void PackedMatrix::multiply_and_end(const QuantizedRows& x, int rows, float* y,
                                    int y_stride, const Ending& ending) const {
  const int blocks = (rows + kMostRows - 1) / kMostRows;
  const int panels = out_padded / kPanel;
  const size_t panel_size = size_t(kPanel) * in;
  // Of two tiles: while one is multiplied, the one before is finished.
  alignas(64) int32_t tiles[2][kMostRows * kPanel];
  struct Tile {
    const int32_t* sums;
    int row, column, vectors;
  } done{};
  const auto finish = [&](int vector) {
    const int row = done.row + vector / kMostVectors;
    const int column = done.column + 16 * (vector % kMostVectors);
    const __m512i shift = _mm512_mullo_epi32(_mm512_set1_epi32(x.zero[row]),
                                             _mm512_load_si512(&sums_[column]));
    const __m512i sum = _mm512_load_si512(done.sums + 16 * vector);
    const __m512 exact = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, shift));
    const __m512 scale =
        _mm512_mul_ps(_mm512_set1_ps(x.step[row]), _mm512_load_ps(&scales_[column]));
    const __m512 value = _mm512_fmadd_ps(exact, scale, _mm512_load_ps(&bias_[column]));
    _mm512_store_ps(y + size_t(row) * y_stride + column, ending(value, row, column));
  };
  const auto finish_some = [&](int vector) {
    if (vector < done.vectors) finish(vector);
  };
  // A panel stays in the nearest cache while all rows pass it.
  for (int panel = 0; panel < panels; ++panel) {
    const int8_t* columns = panels_.get() + panel * panel_size;
    const int8_t* next = panels_.get() + std::min(panel + 1, panels - 1) * panel_size;
    for (int block = 0; block < blocks; ++block) {
      const int row = rows * block / blocks;
      const int count = rows * (block + 1) / blocks - row;
      // Its first half, or its second one.
      const int8_t* half = next + block % 2 * (panel_size / 2);
      int32_t* sums = tiles[done.sums == tiles[0]];
      with_constant<kMostRows>(count, [&](auto constant) {
        int8_product<constant, kMostVectors, kAhead<constant>>(
            x.codes.get() + size_t(row) * in, in,
            reinterpret_cast<const uint32_t*>(columns), kPanel, in / 4, nullptr, sums,
            kPanel, half, finish_some);
      });
      // Of a narrow matrix, the product has not left time for all.
      for (int v = in / (4 * kFours); v < done.vectors; ++v) finish(v);
      done = {sums, row, panel * kPanel, count * kMostVectors};
    }
  }
  for (int v = 0; v < done.vectors; ++v) finish(v);
}

}  // namespace bert_cpu
