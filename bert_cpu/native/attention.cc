#include "attention.h"

#include <immintrin.h>

#include <algorithm>

#include "exponential.h"
#include "with_constant.h"

namespace bert_cpu {
namespace {

// 6 queries of 4 vectors of keys: as many sums as `PackedMatrix` has.
constexpr int kMostQueries = 6;
constexpr int kMostVectors = 4;

__m512i rounded(__m512 x) {
  return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}

template <int kQueries, int kVectors>
void score(const uint16_t* queries, int stride, const uint32_t* keys, int padded,
           int pairs, const float* penalty, float* scores) {
  __m512 sum[kQueries][kVectors];
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[q][v] = _mm512_load_ps(penalty + 16 * v);
  for (int pair = 0; pair < pairs; ++pair) {
    __m512bh key[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      key[v] = reinterpret_cast<__m512bh>(
          _mm512_load_si512(keys + size_t(pair) * padded + 16 * v));
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
      int32_t two;
      std::memcpy(&two, queries + size_t(q) * stride + 2 * pair, 4);
      const __m512bh query = reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        sum[q][v] = _mm512_dpbf16_ps(sum[q][v], query, key[v]);
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      _mm512_store_ps(scores + size_t(q) * padded + 16 * v, sum[q][v]);
}

template <int kQueries>
void score_all(const uint16_t* queries, int stride, const uint32_t* keys, int padded,
               int length, int pairs, const float* penalty, float* scores) {
  for (int at = 0; at < length; at += 16 * kMostVectors) {
    const int vectors = std::min(kMostVectors, (length - at + 15) / 16);
    with_constant<kMostVectors>(vectors, [&](auto count) {
      score<kQueries, count>(queries, stride, keys + at, padded, pairs, penalty + at,
                             scores + at);
    });
  }
}

// Shares that are not divided by their sum, as pairs of bfloat16; returns the sum.
float share(const float* scores, int length, uint32_t* shares) {
  __m512 most = _mm512_set1_ps(-3e38f);
  for (int at = 0; at < length; at += 16)
    most = _mm512_max_ps(most, _mm512_load_ps(scores + at));
  const __m512 highest = _mm512_set1_ps(_mm512_reduce_max_ps(most));
  __m512 sum = _mm512_setzero_ps();
  for (int at = 0; at < length; at += 16) {
    const __m512 power =
        exponential(_mm512_sub_ps(_mm512_load_ps(scores + at), highest));
    sum = _mm512_add_ps(sum, power);
    _mm256_store_si256(reinterpret_cast<__m256i*>(shares + at / 2),
                       reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(power)));
  }
  return _mm512_reduce_add_ps(sum);
}

template <int kQueries, int kVectors>
void mix(const uint32_t* shares, int shares_stride, const float* sums,
         const uint32_t* values, int head_size, int pairs, float* attended,
         int attended_stride) {
  __m512 sum[kQueries][kVectors];
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[q][v] = _mm512_setzero_ps();
  for (int pair = 0; pair < pairs; ++pair) {
    __m512bh value[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      value[v] = reinterpret_cast<__m512bh>(
          _mm512_load_si512(values + size_t(pair) * head_size + 16 * v));
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
      const __m512bh two = reinterpret_cast<__m512bh>(
          _mm512_set1_epi32(shares[size_t(q) * shares_stride + pair]));
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        sum[q][v] = _mm512_dpbf16_ps(sum[q][v], two, value[v]);
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
    const __m512 factor = _mm512_set1_ps(1.0f / sums[q]);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      _mm512_store_ps(attended + size_t(q) * attended_stride + 16 * v,
                      _mm512_mul_ps(sum[q][v], factor));
  }
}

template <int kQueries>
void attend_some(const uint16_t* queries, const KeysAndValues& past, int head,
                 int length, const float* penalty, AttentionScratch& scratch,
                 float* attended) {
  const int stride = past.heads * past.head_size, padded = past.padded_length;
  const uint32_t* keys = past.keys.get() + size_t(head) * past.head_size / 2 * padded;
  score_all<kQueries>(queries, stride, keys, padded, length, past.head_size / 2,
                      penalty, scratch.scores.get());
  float sums[kQueries];
  for (int q = 0; q < kQueries; ++q)
    sums[q] = share(scratch.scores.get() + size_t(q) * padded, length,
                    scratch.shares.get() + size_t(q) * padded / 2);
  const uint32_t* values =
      past.values.get() + size_t(head) * padded / 2 * past.head_size;
  const int pairs = (length + 1) / 2;
  // 4 vectors at a time: 64 numbers of a head.
  for (int at = 0; at < past.head_size; at += 16 * kMostVectors) {
    const int vectors = std::min(kMostVectors, (past.head_size - at) / 16);
    with_constant<kMostVectors>(vectors, [&](auto count) {
      mix<kQueries, count>(scratch.shares.get(), padded / 2, sums, values + at,
                           past.head_size, pairs, attended + at, stride);
    });
  }
}

}  // namespace

KeysAndValues::KeysAndValues(int heads, int head_size, int length)
    : heads(heads),
      head_size(head_size),
      padded_length(round_up(length, 32)),
      keys(make_aligned<uint32_t>(size_t(heads) * head_size / 2 * padded_length)),
      values(make_aligned<uint32_t>(size_t(heads) * head_size * padded_length / 2)) {}

void KeysAndValues::set_rows(int row, int rows, const float* new_keys,
                             const float* new_values, int stride) {
  const int width = heads * head_size;
  for (int r = 0; r < rows; ++r) {
    const float* source = new_keys + size_t(r) * stride;
    uint32_t* target = keys.get() + row + r;
    for (int at = 0; at < width; at += 16) {
      alignas(32) uint32_t pairs[8];
      _mm256_store_si256(
          reinterpret_cast<__m256i*>(pairs),
          reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_load_ps(source + at))));
      for (int i = 0; i < 8; ++i) target[size_t(at / 2 + i) * padded_length] = pairs[i];
    }
  }
  for (int r = 0; r < rows; r += 2) {
    const float* first = new_values + size_t(r) * stride;
    for (int at = 0; at < width; at += 16) {
      __m512i pair = rounded(_mm512_load_ps(first + at));
      if (r + 1 < rows)  // Else 0: its share is 0, too.
        pair = _mm512_or_si512(
            pair, _mm512_slli_epi32(rounded(_mm512_load_ps(first + stride + at)), 16));
      const int head = at / head_size, place = at % head_size;
      uint32_t* target = values.get() + size_t(head) * padded_length / 2 * head_size +
                         size_t(row + r) / 2 * head_size + place;
      _mm512_store_si512(target, pair);
    }
  }
}

AttentionScratch::AttentionScratch(int length)
    : scores(make_unset<float>(size_t(kMostQueries) * round_up(length, 32))),
      shares(make_unset<uint32_t>(size_t(kMostQueries) * round_up(length, 32) / 2)) {}

void attend(const uint16_t* queries, int rows, const KeysAndValues& past, int length,
            const float* penalty, AttentionScratch& scratch, float* attended) {
  const int width = past.heads * past.head_size;
  const int blocks = (rows + kMostQueries - 1) / kMostQueries;
  for (int head = 0; head < past.heads; ++head) {
    for (int block = 0; block < blocks; ++block) {
      const int row = rows * block / blocks;
      const size_t at = size_t(row) * width + head * past.head_size;
      with_constant<kMostQueries>(rows * (block + 1) / blocks - row, [&](auto count) {
        attend_some<count>(queries + at, past, head, length, penalty, scratch,
                           attended + at);
      });
    }
  }
}

void to_bfloat16(const float* x, int count, uint16_t* rounded_x) {
  for (int at = 0; at < count; at += 16)
    _mm256_storeu_si256(
        reinterpret_cast<__m256i*>(rounded_x + at),
        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(x + at))));
}

}  // namespace bert_cpu
