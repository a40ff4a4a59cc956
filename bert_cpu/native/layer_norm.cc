#include "layer_norm.h"

#include <immintrin.h>

#include <cmath>

namespace bert_cpu {

void LayerNorm::operator()(const float* x, int columns, float* normed, float* y) const {
  __m512 sum = _mm512_setzero_ps();
  for (int i = 0; i < columns; i += 16)
    sum = _mm512_add_ps(sum, _mm512_loadu_ps(x + i));
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / columns);
  __m512 squares = _mm512_setzero_ps();
  for (int i = 0; i < columns; i += 16) {
    const __m512 centered = _mm512_sub_ps(_mm512_loadu_ps(x + i), mean);
    squares = _mm512_fmadd_ps(centered, centered, squares);
  }
  const float variance = _mm512_reduce_add_ps(squares) / columns;
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
