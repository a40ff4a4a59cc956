// e to a power that is not large, and logarithms, of 16 numbers at a time.
#pragma once

#include <immintrin.h>

namespace bert_cpu {

// To 8e-5 of itself, where bfloat16 keeps 4e-3; 0 below -86, where it is 4e-38.
inline __m512 exponential(__m512 x) {
  const __mmask16 counts = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-86.0f), _CMP_GE_OQ);
  const __m512 per_two = _mm512_set1_ps(1.44269504f);
  // So large that no fraction of a power of 2 is left, and the power is in the low
  // bits: cheaper than to round, and to scale by it.
  const __m512 large = _mm512_set1_ps(12582912.0f);  // 1.5 * 2^23
  const __m512 powers = _mm512_fmadd_ps(x, per_two, large);
  const __m512 rest = _mm512_fmsub_ps(x, per_two, _mm512_sub_ps(powers, large));
  // 2 to the rest, which is from -0.5 to 0.5: the cubic of least relative error.
  __m512 value = _mm512_set1_ps(5.517144e-2f);
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(2.4261081e-1f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(6.9326099e-1f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(9.9992809e-1f));
  const __m512i moved = _mm512_slli_epi32(reinterpret_cast<__m512i>(powers), 23);
  return reinterpret_cast<__m512>(
      _mm512_maskz_add_epi32(counts, reinterpret_cast<__m512i>(value), moved));
}

// To 8e-5, of what is positive: the exponent's and that of what is from 1 to 2, a
// polynomial through the nodes of Chebyshev.
inline __m512 logarithm(__m512 x) {
  const __m512 rest = _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
  __m512 value = _mm512_set1_ps(-5.437093e-2f);
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(4.3393244e-1f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(-1.44059216f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(2.79283652f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(-1.73172644f));
  return _mm512_fmadd_ps(_mm512_getexp_ps(x), _mm512_set1_ps(6.9314718e-1f), value);
}

}  // namespace bert_cpu
