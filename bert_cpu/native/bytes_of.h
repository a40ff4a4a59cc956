// Vectors of int32 narrowed to bytes, and bytes laid out in fours.
#pragma once

#include <immintrin.h>

namespace bert_cpu {

// Four vectors' numbers one behind the other, the first one's in the lowest lane. They
// must be those of int16; of these, what a byte can't hold becomes the nearest it can.
inline __m512i in_order(__m512i bytes) {
  // Packing works in lanes of 128 bits, and leaves there four numbers of each.
  return _mm512_permutexvar_epi32(
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes);
}
inline __m512i unsigned_bytes(__m512i a, __m512i b, __m512i c, __m512i d) {
  return in_order(
      _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d)));
}
inline __m512i signed_bytes(__m512i a, __m512i b, __m512i c, __m512i d) {
  return in_order(
      _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d)));
}

// From 16 rows of 16 bytes to 4 vectors, each of four bytes of every row.
//
// joined: row i in lane i / 4 of vector i % 4. `fours[k]` gets bytes 4 * k to
// 4 * k + 3 of row i in its number i.
inline void transpose_fours(const __m512i (&joined)[4], __m512i (&fours)[4]) {
  const __m512i low01 = _mm512_unpacklo_epi32(joined[0], joined[1]);
  const __m512i low23 = _mm512_unpacklo_epi32(joined[2], joined[3]);
  const __m512i high01 = _mm512_unpackhi_epi32(joined[0], joined[1]);
  const __m512i high23 = _mm512_unpackhi_epi32(joined[2], joined[3]);
  fours[0] = _mm512_unpacklo_epi64(low01, low23);
  fours[1] = _mm512_unpackhi_epi64(low01, low23);
  fours[2] = _mm512_unpacklo_epi64(high01, high23);
  fours[3] = _mm512_unpackhi_epi64(high01, high23);
}

}  // namespace bert_cpu
