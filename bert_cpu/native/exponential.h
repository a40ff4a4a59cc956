// e to a power that is at most 0, of 16 numbers at a time.
#pragma once

#include <immintrin.h>

namespace bert_cpu {

// To 4e-5 of itself, where bfloat16 keeps 4e-3; 0 below -200.
inline __m512 exponential(__m512 x) {
  // Of -inf, what is left of a whole number would be no number.
  x = _mm512_max_ps(x, _mm512_set1_ps(-200.0f));
  const __m512 powers = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  const __m512 whole =
      _mm512_roundscale_ps(powers, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 rest = _mm512_sub_ps(powers, whole);
  __m512 value = _mm512_set1_ps(9.6181291e-3f);
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(5.5504109e-2f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(2.4022651e-1f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(6.9314718e-1f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(value, whole);
}

}  // namespace bert_cpu
