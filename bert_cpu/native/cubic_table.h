// A smooth function of numbers from 0 to 5, by cubics in 16 segments.
#pragma once

#include <immintrin.h>

#include <functional>

namespace bert_cpu {

struct CubicTable {
  explicit CubicTable(const std::function<double(double)>& function);

  // Of 16 numbers that are not negative; from 5 on, what it is at 5.
  __m512 operator()(__m512 size) const {
    size = _mm512_min_ps(size, _mm512_set1_ps(kLast));
    const __m512 place = _mm512_mul_ps(size, _mm512_set1_ps(kSegmentsPerUnit));
    const __m512i segment = _mm512_cvttps_epi32(place);
    const __m512 u = _mm512_sub_ps(place, _mm512_cvtepi32_ps(segment));
    __m512 t = _mm512_permutexvar_ps(segment, _mm512_load_ps(cubic[3]));
    t = _mm512_fmadd_ps(t, u, _mm512_permutexvar_ps(segment, _mm512_load_ps(cubic[2])));
    t = _mm512_fmadd_ps(t, u, _mm512_permutexvar_ps(segment, _mm512_load_ps(cubic[1])));
    return _mm512_fmadd_ps(t, u,
                           _mm512_permutexvar_ps(segment, _mm512_load_ps(cubic[0])));
  }

  static constexpr float kSegmentsPerUnit = 3.2f;
  static constexpr float kLast = 4.9999f;
  alignas(64) float cubic[4][16];
};

}  // namespace bert_cpu
