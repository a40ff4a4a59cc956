#include "quantized_heads.h"

#include <immintrin.h>

#include <algorithm>

namespace bert_cpu {
namespace {

// Of a head's numbers the codes -127 to 127: each is `scale` times its number.
struct HeadCodes {
  HeadCodes(const float* x, int count) : x(x) {
    __m512 most = _mm512_set1_ps(1e-30f);  // Of zeros, the step is no zero.
    for (int at = 0; at < count; at += 16)
      most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_loadu_ps(x + at)));
    largest = _mm512_reduce_max_ps(most);
    scale = 127.0f / largest;
  }

  __m512i at(int place) const {
    return _mm512_cvtps_epi32(
        _mm512_mul_ps(_mm512_loadu_ps(x + place), _mm512_set1_ps(scale)));
  }

  float step() const { return largest / 127.0f; }

  const float* x;
  float largest, scale;
};

void store_bytes(void* target, __m512i codes) {
  _mm_storeu_si128(static_cast<__m128i*>(target), _mm512_cvtepi32_epi8(codes));
}

}  // namespace

QuantizedQueries::QuantizedQueries(int rows, int heads, int head_size)
    : heads(heads),
      head_size(head_size),
      codes(make_aligned<uint8_t>(size_t(rows) * heads * head_size)),
      steps(make_aligned<float>(size_t(rows) * heads)) {}

void QuantizedQueries::set_row(int index, const float* x) {
  const __m512i middle = _mm512_set1_epi32(128);
  for (int head = 0; head < heads; ++head) {
    const HeadCodes query(x + head * head_size, head_size);
    const size_t place = size_t(index) * heads + head;
    steps[place] = query.step();
    for (int at = 0; at < head_size; at += 16)
      store_bytes(&codes[place * head_size + at],
                  _mm512_add_epi32(query.at(at), middle));
  }
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
  for (int r = 0; r < rows; ++r) set_key(row + r, new_keys + size_t(r) * stride);
  for (int r = 0; r < rows; r += 4)
    set_values(row + r, std::min(4, rows - r), new_values + size_t(r) * stride, stride);
}

void QuantizedPast::set_key(int row, const float* key) {
  for (int head = 0; head < heads; ++head) {
    const HeadCodes codes(key + head * head_size, head_size);
    __m512i sum = _mm512_setzero_si512();
    for (int at = 0; at < head_size; at += 16) {
      const __m512i some = codes.at(at);
      sum = _mm512_add_epi32(sum, some);
      uint32_t fours[4];
      store_bytes(fours, some);
      for (int i = 0; i < 4; ++i)
        keys[size_t(head * head_size / 4 + at / 4 + i) * padded_length + row] =
            fours[i];
    }
    const size_t place = size_t(head) * padded_length + row;
    key_steps[place] = codes.step();
    key_starts[place] = -128 * _mm512_reduce_add_epi32(sum);
  }
}

void QuantizedPast::set_values(int row, int rows, const float* four_values,
                               int stride) {
  const __m512i byte = _mm512_set1_epi32(255);
  for (int head = 0; head < heads; ++head) {
    const size_t place = size_t(head) * padded_length + row;
    // (padded_length / 4, head_size) of a head; rows that are missing stay 0.
    uint32_t* target = &values[place / 4 * head_size];
    std::fill_n(target, head_size, 0);
    for (int r = 0; r < rows; ++r) {
      const HeadCodes codes(four_values + size_t(r) * stride + head * head_size,
                            head_size);
      value_scales[place + r] = codes.scale;
      for (int at = 0; at < head_size; at += 16) {
        const __m512i moved =
            _mm512_slli_epi32(_mm512_and_si512(codes.at(at), byte), 8 * r);
        _mm512_store_si512(target + at,
                           _mm512_or_si512(_mm512_load_si512(target + at), moved));
      }
    }
  }
}

}  // namespace bert_cpu
