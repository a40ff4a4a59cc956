#include "layer_norm.h"

#include <immintrin.h>

#include <cmath>

#include "in_fours.h"

namespace bert_cpu {
namespace {

float sum_of(const __m512 (&sums)[4]) {
  return _mm512_reduce_add_ps(
      _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

}  // namespace

void LayerNorm::operator()(const float* x, int columns, float* normed, float* y) const {
  __m512 sums[4]{};
  in_fours(columns / 16, [&](int i, auto lane) {
    sums[lane] = _mm512_add_ps(sums[lane], _mm512_loadu_ps(x + 16 * i));
  });
  const __m512 mean = _mm512_set1_ps(sum_of(sums) / columns);
  __m512 squares[4]{};
  in_fours(columns / 16, [&](int i, auto lane) {
    const __m512 centered = _mm512_sub_ps(_mm512_loadu_ps(x + 16 * i), mean);
    squares[lane] = _mm512_fmadd_ps(centered, centered, squares[lane]);
  });
  const float variance = sum_of(squares) / columns;
  const __m512 factor = _mm512_set1_ps(1.0f / std::sqrt(variance + epsilon));
  for (int i = 0; i < columns; i += 16) {
    const __m512 centered = _mm512_sub_ps(_mm512_loadu_ps(x + i), mean);
    const __m512 unit = _mm512_mul_ps(centered, factor);
    _mm512_storeu_ps(normed + i, unit);
    const __m512 scaled = gamma ? _mm512_fmadd_ps(unit, _mm512_loadu_ps(gamma + i),
                                                  _mm512_loadu_ps(beta + i))
                                : unit;
    _mm512_storeu_ps(y + i, scaled);
  }
}

}  // namespace bert_cpu
