// bfloat16 numbers, as they lie in memory, and float32 to compute with.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace bert_cpu {

inline __m512 widen(__m256i x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

inline __m512 load16(const uint16_t* x) {
  return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
}

inline __m256i narrow(__m512 x) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x));
}

inline void store16(uint16_t* y, __m512 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), narrow(x));
}

// Where a row is no multiple of 16 long: the first `count` of 16.
inline __m512 load_some(const uint16_t* x, int count) {
  return widen(_mm256_maskz_loadu_epi16(static_cast<__mmask16>((1u << count) - 1), x));
}

inline void store_some(uint16_t* y, __m512 x, int count) {
  _mm256_mask_storeu_epi16(y, static_cast<__mmask16>((1u << count) - 1), narrow(x));
}

}  // namespace bert_cpu
