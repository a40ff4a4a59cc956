// The choices of dropout, the same as `keep_mask` of layers/compiled/drop.py makes.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdint>

namespace bert_cpu {

// A hash of each feature's number and the seed: the finalizer of MurmurHash3 (Appleby
// 2011), twice. Forwards and backwards the same choices are drawn, and none is kept.
class Keep {
 public:
  // rate: share of the features to zero, in [0, 1). seed: two numbers.
  Keep(float rate, const int32_t* seed)
      : is_needed(rate > 0),
        scale(1.0f / (1.0f - rate)),
        least_(_mm512_set1_epi32(static_cast<int>(
            static_cast<uint32_t>(std::llround(rate * 4294967296.0))))),
        first_(_mm512_set1_epi32(seed[0])),
        second_(_mm512_set1_epi32(seed[1])) {}

  // Of the 16 features from number `at` on; numbers begin again after 2^32.
  __mmask16 operator()(uint32_t at) const {
    const __m512i counted =
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i number =
        _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(at)), counted);
    const __m512i bits = mix(_mm512_xor_si512(number, first_));
    return _mm512_cmpge_epu32_mask(mix(_mm512_add_epi32(bits, second_)), least_);
  }

  // Zeroes what is dropped of 16 features, and scales up the rest.
  __m512 operator()(__m512 x, uint32_t at) const {
    if (!is_needed) return x;
    return _mm512_maskz_mul_ps((*this)(at), x, _mm512_set1_ps(scale));
  }

  const bool is_needed;
  const float scale;

 private:
  static __m512i mix(__m512i bits) {
    bits = _mm512_xor_si512(bits, _mm512_srli_epi32(bits, 16));
    bits = _mm512_mullo_epi32(bits, _mm512_set1_epi32(static_cast<int>(0x85EBCA6Bu)));
    bits = _mm512_xor_si512(bits, _mm512_srli_epi32(bits, 13));
    bits = _mm512_mullo_epi32(bits, _mm512_set1_epi32(static_cast<int>(0xC2B2AE35u)));
    return _mm512_xor_si512(bits, _mm512_srli_epi32(bits, 16));
  }

  __m512i least_, first_, second_;
};

}  // namespace bert_cpu
