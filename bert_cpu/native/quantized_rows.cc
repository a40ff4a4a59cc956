#include "quantized_rows.h"

#include <immintrin.h>

#include <cmath>

#include "bytes_of.h"
#include "in_fours.h"

namespace bert_cpu {

void QuantizedRows::set_row(int index, const float* x) {
  // From zero on: a zero must have a code of its own.
  __m512 low[4]{}, high[4]{};
  in_fours(columns / 16, [&](int i, auto lane) {
    const __m512 value = _mm512_loadu_ps(x + 16 * i);
    low[lane] = _mm512_min_ps(low[lane], value);
    high[lane] = _mm512_max_ps(high[lane], value);
  });
  const float least = _mm512_reduce_min_ps(
      _mm512_min_ps(_mm512_min_ps(low[0], low[1]), _mm512_min_ps(low[2], low[3])));
  const float most = _mm512_reduce_max_ps(
      _mm512_max_ps(_mm512_max_ps(high[0], high[1]), _mm512_max_ps(high[2], high[3])));
  const float range = most - least;
  const float per_step = range > 0 ? 255.0f / range : 1.0f;
  const int32_t origin = static_cast<int32_t>(std::lrint(-least * per_step));
  step[index] = range > 0 ? range / 255.0f : 1.0f;
  zero[index] = origin;

  const __m512 factor = _mm512_set1_ps(per_step);
  const __m512i offset = _mm512_set1_epi32(origin);
  uint8_t* row = codes.get() + size_t(index) * columns;
  const auto code = [&](int i) {
    const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(x + i), factor);
    return _mm512_add_epi32(_mm512_cvtps_epi32(scaled), offset);
  };
  int i = 0;
  for (; i + 64 <= columns; i += 64)
    _mm512_storeu_si512(
        row + i, unsigned_bytes(code(i), code(i + 16), code(i + 32), code(i + 48)));
  for (; i < columns; i += 16)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + i),
                     _mm512_cvtusepi32_epi8(code(i)));
}

}  // namespace bert_cpu
