#include "quantized_rows.h"

#include <immintrin.h>

#include <cmath>

namespace bert_cpu {

void QuantizedRows::set_row(int index, const float* x) {
  // From zero on: a zero must have a code of its own.
  __m512 low = _mm512_setzero_ps(), high = _mm512_setzero_ps();
  for (int i = 0; i < columns; i += 16) {
    const __m512 value = _mm512_loadu_ps(x + i);
    low = _mm512_min_ps(low, value);
    high = _mm512_max_ps(high, value);
  }
  const float least = _mm512_reduce_min_ps(low), most = _mm512_reduce_max_ps(high);
  const float range = most - least;
  const float per_step = range > 0 ? 255.0f / range : 1.0f;
  const int32_t origin = static_cast<int32_t>(std::lrint(-least * per_step));
  step[index] = range > 0 ? range / 255.0f : 1.0f;
  zero[index] = origin;

  const __m512 factor = _mm512_set1_ps(per_step);
  const __m512i offset = _mm512_set1_epi32(origin);
  uint8_t* row = codes.get() + size_t(index) * columns;
  for (int i = 0; i < columns; i += 16) {
    const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(x + i), factor);
    const __m512i code = _mm512_add_epi32(_mm512_cvtps_epi32(scaled), offset);
    _mm_store_si128(reinterpret_cast<__m128i*>(row + i), _mm512_cvtusepi32_epi8(code));
  }
}

}  // namespace bert_cpu
