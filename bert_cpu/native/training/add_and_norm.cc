#include "add_and_norm.h"

#include <cmath>
#include <cstring>

#include "../aligned.h"
#include "bfloat16.h"

namespace bert_cpu {

void add_and_norm(const uint16_t* x, const uint16_t* change, const float* gamma,
                  const float* beta, float epsilon, const Keep& keep, int64_t rows,
                  int columns, uint16_t* output, uint16_t* normed, float* deviation) {
  const Aligned<float> total = make_unset<float>(columns);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t first = row * columns;
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < columns; i += 16) {
      const int64_t at = first + i;
      const __m512 kept = keep(load16(change + at), static_cast<uint32_t>(at));
      const __m512 added = _mm512_add_ps(load16(x + at), kept);
      _mm512_store_ps(total.get() + i, added);
      sum = _mm512_add_ps(sum, added);
    }
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / columns);
    __m512 squares = _mm512_setzero_ps();
    for (int i = 0; i < columns; i += 16) {
      const __m512 centered = _mm512_sub_ps(_mm512_load_ps(total.get() + i), mean);
      squares = _mm512_fmadd_ps(centered, centered, squares);
    }
    const float variance = _mm512_reduce_add_ps(squares) / columns;
    deviation[row] = std::sqrt(variance + epsilon);
    const __m512 factor = _mm512_set1_ps(1.0f / deviation[row]);
    for (int i = 0; i < columns; i += 16) {
      const __m512 centered = _mm512_sub_ps(_mm512_load_ps(total.get() + i), mean);
      const __m512 unit = _mm512_mul_ps(centered, factor);
      store16(normed + first + i, unit);
      store16(output + first + i, _mm512_fmadd_ps(unit, _mm512_loadu_ps(gamma + i),
                                                  _mm512_loadu_ps(beta + i)));
    }
  }
}

void add_and_norm_gradient(const uint16_t* normed, const float* deviation,
                           const uint16_t* upstream, const float* gamma,
                           const Keep& keep, int64_t rows, int columns, uint16_t* to_x,
                           uint16_t* to_change, float* to_gamma, float* to_beta) {
  const Aligned<float> gammas = make_aligned<float>(columns);
  const Aligned<float> betas = make_aligned<float>(columns);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t first = row * columns;
    __m512 sum = _mm512_setzero_ps(), sum_along = _mm512_setzero_ps();
    for (int i = 0; i < columns; i += 16) {
      const __m512 unit = load16(normed + first + i), up = load16(upstream + first + i);
      const __m512 wanted = _mm512_mul_ps(up, _mm512_loadu_ps(gamma + i));
      sum = _mm512_add_ps(sum, wanted);
      sum_along = _mm512_fmadd_ps(wanted, unit, sum_along);
      float *to_gamma_at = gammas.get() + i, *to_beta_at = betas.get() + i;
      _mm512_store_ps(to_gamma_at,
                      _mm512_fmadd_ps(up, unit, _mm512_load_ps(to_gamma_at)));
      _mm512_store_ps(to_beta_at, _mm512_add_ps(up, _mm512_load_ps(to_beta_at)));
    }
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / columns);
    const __m512 along = _mm512_set1_ps(_mm512_reduce_add_ps(sum_along) / columns);
    const __m512 factor = _mm512_set1_ps(1.0f / deviation[row]);
    for (int i = 0; i < columns; i += 16) {
      const int64_t at = first + i;
      const __m512 unit = load16(normed + at);
      const __m512 wanted =
          _mm512_mul_ps(load16(upstream + at), _mm512_loadu_ps(gamma + i));
      const __m512 rest = _mm512_fnmadd_ps(unit, along, _mm512_sub_ps(wanted, mean));
      const __m512 to_total = _mm512_mul_ps(rest, factor);
      store16(to_x + at, to_total);
      store16(to_change + at, keep(to_total, static_cast<uint32_t>(at)));
    }
  }
  std::memcpy(to_gamma, gammas.get(), columns * sizeof(float));
  std::memcpy(to_beta, betas.get(), columns * sizeof(float));
}

}  // namespace bert_cpu
