#include "quantized_heads.h"

#include <immintrin.h>

#include <algorithm>

#include "bytes_of.h"

namespace bert_cpu {
namespace {

constexpr int kSomeRows = 16;

// The largest number of each of 16 vectors. As halves are merged, two vectors go on in
// one: 45 operations, where each vector by itself takes 8.
__m512 each_largest(const __m512 (&vectors)[kSomeRows]) {
  __m512 halves[8], quarters[4], pairs[2];
  for (int i = 0; i < 8; ++i)
    halves[i] = _mm512_max_ps(_mm512_shuffle_f32x4(vectors[i], vectors[i + 8], 0x44),
                              _mm512_shuffle_f32x4(vectors[i], vectors[i + 8], 0xEE));
  for (int i = 0; i < 4; ++i)
    quarters[i] = _mm512_max_ps(_mm512_shuffle_f32x4(halves[i], halves[i + 4], 0x88),
                                _mm512_shuffle_f32x4(halves[i], halves[i + 4], 0xDD));
  for (int i = 0; i < 2; ++i)
    pairs[i] = _mm512_max_ps(_mm512_shuffle_ps(quarters[i], quarters[i + 2], 0x44),
                             _mm512_shuffle_ps(quarters[i], quarters[i + 2], 0xEE));
  const __m512 mixed = _mm512_max_ps(_mm512_shuffle_ps(pairs[0], pairs[1], 0x88),
                                     _mm512_shuffle_ps(pairs[0], pairs[1], 0xDD));
  const __m512i place =
      _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);
  return _mm512_permutexvar_ps(place, mixed);
}

// Of one head's numbers in up to 16 rows the codes -127 to 127: each is its row's scale
// times its number. Missing rows are like the last one.
class HeadCodes {
 public:
  HeadCodes(const float* x, int stride, int rows, int size) {
    __m512 most[kSomeRows];
    for (int r = 0; r < kSomeRows; ++r) {
      rows_[r] = x + size_t(std::min(r, rows - 1)) * stride;
      most[r] = _mm512_set1_ps(1e-30f);  // Of zeros, the step is no zero.
      for (int at = 0; at < size; at += 16)
        most[r] = _mm512_max_ps(most[r], _mm512_abs_ps(_mm512_loadu_ps(rows_[r] + at)));
    }
    const __m512 largest = each_largest(most), codes = _mm512_set1_ps(127.0f);
    steps = _mm512_div_ps(largest, codes);
    scales = _mm512_div_ps(codes, largest);
    _mm512_store_ps(each_scale_, scales);
  }

  // Of 16 numbers of a row.
  __m512i at(int row, int place) const {
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(rows_[row] + place),
                                            _mm512_set1_ps(each_scale_[row])));
  }

  // 16 numbers of the rows `row`, row + apart, ..., each in 128 bits.
  __m512i four_rows(int row, int apart, int place) const {
    return signed_bytes(at(row, place), at(row + apart, place),
                        at(row + 2 * apart, place), at(row + 3 * apart, place));
  }

  __m512 steps, scales;  // Of the rows.

 private:
  const float* rows_[kSomeRows];
  alignas(64) float each_scale_[kSomeRows];
};

// Calls function(first, count, mask) for 16 rows after the other; the mask has the bits
// of those that there are.
template <typename Function>
void for_some_rows(int rows, const Function& function) {
  for (int first = 0; first < rows; first += kSomeRows) {
    const int count = std::min(kSomeRows, rows - first);
    function(first, count, static_cast<__mmask16>((1u << count) - 1));
  }
}

}  // namespace

QuantizedQueries::QuantizedQueries(int rows, int heads, int head_size)
    : rows(rows),
      heads(heads),
      head_size(head_size),
      codes(make_aligned<uint8_t>(size_t(rows) * heads * head_size)),
      steps(make_aligned<float>(size_t(heads) * rows)) {}

void QuantizedQueries::set_rows(int row, int new_rows, const float* x, int stride) {
  const int width = heads * head_size;
  const __m512i middle = _mm512_set1_epi8(-128);
  for_some_rows(new_rows, [&](int first, int count, __mmask16 mask) {
    for (int head = 0; head < heads; ++head) {
      const int column = head * head_size;
      const HeadCodes query(x + size_t(first) * stride + column, stride, count,
                            head_size);
      _mm512_mask_storeu_ps(&steps[size_t(head) * rows + row + first], mask,
                            query.steps);
      for (int r = 0; r < count; r += 4) {
        uint8_t* target = &codes[size_t(row + first + r) * width + column];
        for (int at = 0; at < head_size; at += 16) {
          alignas(64) uint8_t four[4][16];
          _mm512_store_si512(four, _mm512_xor_si512(query.four_rows(r, 1, at), middle));
          for (int i = 0; i < std::min(4, count - r); ++i)
            std::copy_n(four[i], 16, target + size_t(i) * width + at);
        }
      }
    }
  });
}

QuantizedPast::QuantizedPast(int heads, int head_size, int length)
    : heads(heads),
      head_size(head_size),
      padded_length(round_up(length, 32)),
      keys(make_aligned<uint32_t>(size_t(heads) * head_size / 4 * padded_length)),
      values(make_aligned<uint32_t>(size_t(heads) * padded_length / 4 * head_size)),
      key_steps(make_aligned<float>(size_t(heads) * padded_length)),
      value_scales(make_unset<float>(size_t(heads) * padded_length)),
      key_starts(make_aligned<int32_t>(size_t(heads) * padded_length)) {
  // Even of rows that there never are: they have a logarithm.
  std::fill_n(value_scales.get(), size_t(heads) * padded_length, 1.0f);
}

void QuantizedPast::set_rows(int row, int rows, const float* new_keys,
                             const float* new_values, int stride) {
  for_some_rows(rows, [&](int first, int count, __mmask16 mask) {
    for (int head = 0; head < heads; ++head) {
      const size_t from = size_t(first) * stride + head * head_size;
      const HeadCodes some_keys(new_keys + from, stride, count, head_size);
      set_keys(some_keys, head, row + first, mask);
      const HeadCodes some_values(new_values + from, stride, count, head_size);
      set_values(some_values, head, row + first, count, mask);
    }
  });
}

template <typename Codes>
void QuantizedPast::set_keys(const Codes& codes, int head, int row, __mmask16 mask) {
  const __m512i ones = _mm512_set1_epi8(1);
  uint32_t* target = &keys[size_t(head) * head_size / 4 * padded_length + row];
  __m512i sum = _mm512_setzero_si512();
  for (int at = 0; at < head_size; at += 16) {
    __m512i joined[4], fours[4];
    for (int i = 0; i < 4; ++i) joined[i] = codes.four_rows(i, 4, at);
    transpose_fours(joined, fours);
    for (int i = 0; i < 4; ++i) {
      _mm512_mask_storeu_epi32(target + size_t(at / 4 + i) * padded_length, mask,
                               fours[i]);
      sum = _mm512_dpbusd_epi32(sum, ones, fours[i]);
    }
  }
  const size_t place = size_t(head) * padded_length + row;
  _mm512_mask_storeu_ps(&key_steps[place], mask, codes.steps);
  _mm512_mask_storeu_epi32(
      &key_starts[place], mask,
      _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(sum, 7)));
}

template <typename Codes>
void QuantizedPast::set_values(const Codes& codes, int head, int row, int rows,
                               __mmask16 mask) {
  const size_t place = size_t(head) * padded_length + row;
  _mm512_mask_storeu_ps(&value_scales[place], mask, codes.scales);
  // (padded_length / 4, head_size) of a head. What is in a row that is missing doesn't
  // matter: its share is 0.
  uint32_t* target = &values[place / 4 * head_size];
  for (int r = 0; r < rows; r += 4, target += head_size)
    for (int at = 0; at < head_size; at += 16) {
      __m512i four = codes.at(r, at);
      four = _mm512_mask_blend_epi8(0x2222222222222222, four,
                                    _mm512_slli_epi32(codes.at(r + 1, at), 8));
      four = _mm512_mask_blend_epi8(0x4444444444444444, four,
                                    _mm512_slli_epi32(codes.at(r + 2, at), 16));
      four = _mm512_mask_blend_epi8(0x8888888888888888, four,
                                    _mm512_slli_epi32(codes.at(r + 3, at), 24));
      _mm512_store_si512(target + at, four);
    }
}

}  // namespace bert_cpu
