// A smooth function of numbers from 0 to 5, by cubics in 16 segments.
//
// A segment has what is nearest to its whole number of them.
#pragma once

#include <immintrin.h>

#include <functional>

namespace bert_cpu {

struct CubicTable {
  explicit CubicTable(const std::function<double(double)>& function);

  // Of 16 numbers without their signs; from 5 on, what it is at 5.
  __m512 operator()(__m512 x) const {
    // The one that is nearer to zero, and its sign away.
    const __m512 size = _mm512_range_ps(x, _mm512_set1_ps(kLast), 0b1010);
    // So large that no fraction is left, and the segment is in the low four bits, which
    // are all that a permutation reads.
    const __m512i segment = reinterpret_cast<__m512i>(_mm512_fmadd_ps(
        size, _mm512_set1_ps(kSegmentsPerUnit), _mm512_set1_ps(12582912.0f)));
    const auto at = [&](int power) {
      return _mm512_permutexvar_ps(segment, _mm512_load_ps(cubic[power]));
    };
    __m512 value = _mm512_fmadd_ps(at(3), size, at(2));
    value = _mm512_fmadd_ps(value, size, at(1));
    return _mm512_fmadd_ps(value, size, at(0));
  }

  static constexpr float kSegmentsPerUnit = 3.1f;
  // A little less than 15.5 segments.
  static constexpr float kLast = 4.9999f;
  alignas(64) float cubic[4][16];
};

}  // namespace bert_cpu
