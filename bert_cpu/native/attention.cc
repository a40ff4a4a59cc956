#include "attention.h"

#include <immintrin.h>

#include <algorithm>

#include "bytes_of.h"
#include "exponential.h"
#include "int8_product.h"
#include "with_constant.h"

namespace bert_cpu {
namespace {

// Scores are logarithms to base 2: powers of e would take more operations.
constexpr float kPerTwo = 1.44269504f;  // Of e.
// The largest share of a query has the code 255: its logarithm.
constexpr float kLogOfMost = 7.9943534f;

// Of some queries and a head, from their products with the keys' codes: the shares of
// softmax that are not divided by their sum, each times its value's step, as 8 bits.
// Where a value is small, so is what its share is rounded by.
//
// Queries take turns: none waits for what it has just computed, and what is of a key is
// read once for all.
//
// products: become the scores, those and the shares `stride` from query to query.
// addends: the penalties and the values' logarithms; scales: 1 / the values' steps. All
//   are there for `length` up to a multiple of 32.
// sums: of the shares of each query, in units of the codes.
template <int kQueries>
void share(int32_t* products, int stride, const float* query_steps,
           const float* key_steps, const float* addends, const float* scales,
           int length, uint8_t* shares, float* sums) {
  __m512 step[kQueries], highest[kQueries], sum[kQueries];
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
    step[q] = _mm512_set1_ps(kPerTwo * query_steps[q]);
    highest[q] = _mm512_set1_ps(-3e38f);
    sum[q] = _mm512_setzero_ps();
  }
  const int vectors = round_up(length, 32) / 16;
  for (int v = 0; v < vectors; ++v) {
    const __m512 key_step = _mm512_load_ps(key_steps + 16 * v);
    const __m512 addend = _mm512_load_ps(addends + 16 * v);
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
      int32_t* place = products + q * stride + 16 * v;
      const __m512 score = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(place)),
                                           _mm512_mul_ps(step[q], key_step), addend);
      highest[q] = _mm512_max_ps(highest[q], score);
      _mm512_store_ps(place, score);
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q)
    highest[q] = _mm512_set1_ps(_mm512_reduce_max_ps(highest[q]) - kLogOfMost);
  for (int first = 0; first < 16 * vectors; first += 32)
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
      __m512i codes[2];
      for (int i : {0, 1}) {
        const int at = first + 16 * i;
        const __m512 score = _mm512_load_ps(products + q * stride + at);
        const __m512 power = power_of_two(_mm512_sub_ps(score, highest[q]));
        sum[q] = _mm512_fmadd_ps(power, _mm512_load_ps(scales + at), sum[q]);
        codes[i] = _mm512_cvtps_epi32(power);
      }
      _mm256_store_si256(reinterpret_cast<__m256i*>(shares + q * stride + first),
                         _mm512_castsi512_si256(
                             unsigned_bytes(codes[0], codes[1], codes[0], codes[1])));
    }
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) sums[q] = _mm512_reduce_add_ps(sum[q]);
}

template <int kQueries, int kVectors>
void mix(const uint8_t* shares, int padded, const float* sums, const uint32_t* values,
         int head_size, int fours, float* attended, int stride) {
  alignas(64) int32_t products[kQueries][16 * kVectors];
  int8_product<kQueries, kVectors>(shares, padded, values, head_size, fours, nullptr,
                                   products[0], 16 * kVectors);
  for (int q = 0; q < kQueries; ++q) {
    const __m512 factor = _mm512_set1_ps(1.0f / sums[q]);
    for (int v = 0; v < kVectors; ++v) {
      const __m512i product = _mm512_load_si512(&products[q][16 * v]);
      _mm512_store_ps(attended + size_t(q) * stride + 16 * v,
                      _mm512_mul_ps(_mm512_cvtepi32_ps(product), factor));
    }
  }
}

template <int kQueries>
void attend_some(const QuantizedQueries& queries, int row, int head,
                 const QuantizedPast& past, int length, AttentionScratch& scratch,
                 float* attended) {
  const int size = past.head_size, stride = past.heads * size;
  const int padded = past.padded_length;
  const size_t place = size_t(head) * padded;
  for (int at = 0; at < length; at += 16 * kMostVectors) {
    const int vectors = std::min(kMostVectors, (length - at + 15) / 16);
    with_constant<kMostVectors>(vectors, [&](auto count) {
      int8_product<kQueries, count>(&queries.codes[size_t(row) * stride + head * size],
                                    stride, &past.keys[place * size / 4 + at], padded,
                                    size / 4, &past.key_starts[place + at],
                                    &scratch.products[at], padded);
    });
  }
  float sums[kQueries];
  share<kQueries>(scratch.products.get(), padded,
                  &queries.steps[size_t(head) * queries.rows + row],
                  &past.key_steps[place], scratch.addends.get(),
                  &past.value_scales[place], length, scratch.shares.get(), sums);
  for (int at = 0; at < size; at += 16 * kMostVectors) {
    with_constant<kMostVectors>(
        std::min(kMostVectors, (size - at) / 16), [&](auto count) {
          mix<kQueries, count>(scratch.shares.get(), padded, sums,
                               &past.values[place / 4 * size + at], size,
                               (length + 3) / 4, attended + at, stride);
        });
  }
}

}  // namespace

AttentionScratch::AttentionScratch(int length)
    : products(make_unset<int32_t>(size_t(kMostRows) * round_up(length, 32))),
      addends(make_unset<float>(round_up(length, 32))),
      shares(make_unset<uint8_t>(size_t(kMostRows) * round_up(length, 32))) {}

void attend(const QuantizedQueries& queries, int row, int rows,
            const QuantizedPast& past, int length, const float* penalty,
            AttentionScratch& scratch, float* attended) {
  const int size = past.head_size, width = past.heads * size;
  const int padded = round_up(length, 32);
  const int blocks = (rows + kMostRows - 1) / kMostRows;
  for (int head = 0; head < past.heads; ++head) {
    const float* scales = &past.value_scales[size_t(head) * past.padded_length];
    for (int at = 0; at < padded; at += 16)
      _mm512_store_ps(
          &scratch.addends[at],
          _mm512_fmsub_ps(_mm512_load_ps(penalty + at), _mm512_set1_ps(kPerTwo),
                          binary_logarithm(_mm512_load_ps(scales + at))));
    for (int block = 0; block < blocks; ++block) {
      const int first = rows * block / blocks;
      with_constant<kMostRows>(rows * (block + 1) / blocks - first, [&](auto count) {
        attend_some<count>(queries, row + first, head, past, length, scratch,
                           attended + size_t(first) * width + head * size);
      });
    }
  }
}

}  // namespace bert_cpu
