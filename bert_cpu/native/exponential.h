// Powers of e and of 2, and logarithms, of 16 numbers at a time.
#pragma once

#include <immintrin.h>

namespace bert_cpu {

// e to a power that is not large, to 8e-5 of itself, where bfloat16 keeps 4e-3; 0 below
// -86, where it is 4e-38.
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

// 2 to a power that is not large, to 8e-5 of itself.
inline __m512 power_of_two(__m512 x) {
  // 2 to what is over a whole number, from 0 to 1: the cubic of least relative error.
  const __m512 rest = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF);
  __m512 value = _mm512_set1_ps(7.802452e-2f);
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(2.2606716e-1f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(6.9583354e-1f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(9.9992522e-1f));
  return _mm512_scalef_ps(value, x);
}

// The logarithm to base 2 of what is positive, to 1.2e-4: the exponent, and that of
// what is from 1 to 2, a polynomial through the nodes of Chebyshev.
inline __m512 binary_logarithm(__m512 x) {
  const __m512 rest = _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
  __m512 value = _mm512_set1_ps(-7.844067e-2f);
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(6.2603217e-1f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(-2.07833517f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(4.02921140f));
  value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(-2.49835314f));
  return _mm512_add_ps(_mm512_getexp_ps(x), value);
}

}  // namespace bert_cpu
