#include "attention.h"

#include <algorithm>
#include <limits>

#include "../aligned.h"
#include "../exponential.h"
#include "bfloat16.h"
#include "multiply.h"
#include "pack.h"

namespace bert_cpu {
namespace {

// Queries that are worked on at a time: an even number.
constexpr int kQueries = 12;

// Of one sequence and head.
struct Head {
  Head(const AttentionShape& shape, int64_t example, int head)
      : stride(3 * shape.width()),
        queries(example * shape.length * stride + head * shape.head_size),
        keys(queries + shape.width()),
        values(keys + shape.width()),
        context(example * shape.length * shape.width() + head * shape.head_size),
        number(static_cast<uint32_t>((example * shape.heads + head) * shape.length)) {}

  // The number of a query's first weight, for dropout.
  uint32_t weight(int query, int length) const {
    return (number + static_cast<uint32_t>(query)) * static_cast<uint32_t>(length);
  }

  const int64_t stride;                 // Between rows of projections.
  const int64_t queries, keys, values;  // Where they begin in projections,
  const int64_t context;                // and what is gathered in the context.
  const uint32_t number;                // Of the first query, over all heads.
};

// What is added to the scores of one sequence, up to a multiple of 16 keys.
void pad_blocked(const float* blocked, int length, int padded, float* target) {
  std::copy_n(blocked, length, target);
  std::fill(target + length, target + padded, -std::numeric_limits<float>::infinity());
}

// Scores to weights of one query; keeps what the gradient needs.
void weigh(float* scores, const float* blocked, float scale, int padded,
           const Keep& keep, uint32_t number, uint16_t* weights, float* kept) {
  const __m512 factor = _mm512_set1_ps(scale);
  __m512 most = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  for (int at = 0; at < padded; at += 16) {
    const __m512 score = _mm512_fmadd_ps(_mm512_load_ps(scores + at), factor,
                                         _mm512_load_ps(blocked + at));
    _mm512_store_ps(scores + at, score);
    most = _mm512_max_ps(most, score);
  }
  kept[0] = _mm512_reduce_max_ps(most);
  const __m512 highest = _mm512_set1_ps(kept[0]);
  __m512 sum = _mm512_setzero_ps();
  for (int at = 0; at < padded; at += 16) {
    const __m512 power =
        exponential(_mm512_sub_ps(_mm512_load_ps(scores + at), highest));
    _mm512_store_ps(scores + at, power);
    sum = _mm512_add_ps(sum, power);
  }
  kept[1] = 1.0f / _mm512_reduce_add_ps(sum);
  const __m512 share = _mm512_set1_ps(kept[1]);
  for (int at = 0; at < padded; at += 16) {
    const __m512 weight = _mm512_mul_ps(_mm512_load_ps(scores + at), share);
    store16(weights + at, keep(weight, number + at));
  }
}

// Two rows of float32 as pairs of bfloat16.
__m512i as_pairs(__m512 first, __m512 second) {
  const __m512i order =
      _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                       7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(
      order, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
}

// One query's way back, to be taken beside its neighbour's.
struct QueryGradient {
  float* scores;         // Become shares.
  float* upstream;       // Of weights; become their products.
  float highest, share;  // Kept by `weigh`.
  uint32_t number;
  __m512 sum = _mm512_setzero_ps();

  // Weights of 16 keys, as they were forwards.
  __m512 weights(int at, const float* blocked, __m512 scale, const Keep& keep) {
    const __m512 score = _mm512_fmadd_ps(_mm512_load_ps(scores + at), scale,
                                         _mm512_load_ps(blocked + at));
    const __m512 power = exponential(_mm512_sub_ps(score, _mm512_set1_ps(highest)));
    const __m512 shared = _mm512_mul_ps(power, _mm512_set1_ps(share));
    _mm512_store_ps(scores + at, shared);
    const __m512 weight = keep(shared, number + at);
    const __m512 wanted = _mm512_mul_ps(weight, _mm512_load_ps(upstream + at));
    _mm512_store_ps(upstream + at, wanted);
    sum = _mm512_add_ps(sum, wanted);
    return weight;
  }

  // The gradient of 16 scores.
  __m512 to_scores(int at, __m512 mean, __m512 scale) const {
    const __m512 rest = _mm512_fnmadd_ps(_mm512_load_ps(scores + at), mean,
                                         _mm512_load_ps(upstream + at));
    return _mm512_mul_ps(rest, scale);
  }
};

auto to_floats(float* target, int stride) {
  return [=](int row, int column, __m512 sums) {
    _mm512_store_ps(target + int64_t(row) * stride + column, sums);
  };
}

auto to_bfloat16(uint16_t* target, int64_t stride) {
  return [=](int row, int column, __m512 sums) {
    store16(target + row * stride + column, sums);
  };
}

}  // namespace

void attend(const uint16_t* projected, const float* blocked, float scale,
            const Keep& keep, const AttentionShape& shape, uint16_t* context,
            float* kept) {
  const int length = shape.length, size = shape.head_size;
  const int padded = round_up(length, 16);
  const auto keys = make_aligned<uint32_t>(size_t(size) / 2 * padded);
  const auto values = make_aligned<uint32_t>(size_t(padded) / 2 * size);
  const auto added = make_unset<float>(padded);
  const auto scores = make_unset<float>(size_t(kQueries) * padded);
  const auto weights = make_unset<uint16_t>(size_t(kQueries) * padded);
  for (int64_t example = 0; example < shape.batch; ++example) {
    pad_blocked(blocked + example * length, length, padded, added.get());
    for (int number = 0; number < shape.heads; ++number) {
      const Head head(shape, example, number);
      pack_columns(projected + head.keys, head.stride, length, size, padded,
                   keys.get());
      pack_rows(projected + head.values, head.stride, length, size, size, values.get());
      for (int first = 0; first < length; first += kQueries) {
        const int count = std::min(kQueries, length - first);
        const Pairs queries{projected + head.queries + first * head.stride,
                            head.stride / 2, 1};
        multiply(queries, count, keys.get(), padded, padded, size / 2,
                 to_floats(scores.get(), padded));
        for (int q = 0; q < count; ++q)
          weigh(scores.get() + q * padded, added.get(), scale, padded, keep,
                head.weight(first + q, length), weights.get() + q * padded,
                kept + 2 * (int64_t(head.number) + first + q));
        multiply({weights.get(), padded / 2, 1}, count, values.get(), size, size,
                 padded / 2,
                 to_bfloat16(context + head.context + int64_t(first) * shape.width(),
                             shape.width()));
      }
    }
  }
}

void attend_gradient(const uint16_t* projected, const float* blocked, float scale,
                     const Keep& keep, const AttentionShape& shape, const float* kept,
                     const uint16_t* upstream, uint16_t* to_projected) {
  const int length = shape.length, size = shape.head_size, width = shape.width();
  const int padded = round_up(length, 16), pairs = (length + 1) / 2;
  const __m512 factor = _mm512_set1_ps(scale);
  // By columns, to make weights and their gradients; by rows, to make those of
  // queries, keys and values.
  const auto keys = make_aligned<uint32_t>(size_t(size) / 2 * padded);
  const auto values = make_aligned<uint32_t>(size_t(size) / 2 * padded);
  const auto key_rows = make_aligned<uint32_t>(size_t(padded) / 2 * size);
  const auto query_rows = make_unset<uint32_t>(size_t(pairs) * size);
  const auto upstream_rows = make_unset<uint32_t>(size_t(pairs) * size);
  const auto added = make_unset<float>(padded);
  const auto scores = make_aligned<float>(size_t(kQueries) * padded);
  const auto to_weights = make_aligned<float>(size_t(kQueries) * padded);
  const auto to_scores = make_unset<uint16_t>(size_t(kQueries) * padded);
  // Of all queries, two in a pair.
  const auto weight_pairs = make_unset<uint32_t>(size_t(pairs) * padded);
  const auto to_score_pairs = make_unset<uint32_t>(size_t(pairs) * padded);

  for (int64_t example = 0; example < shape.batch; ++example) {
    pad_blocked(blocked + example * length, length, padded, added.get());
    for (int number = 0; number < shape.heads; ++number) {
      const Head head(shape, example, number);
      pack_columns(projected + head.keys, head.stride, length, size, padded,
                   keys.get());
      pack_columns(projected + head.values, head.stride, length, size, padded,
                   values.get());
      pack_rows(projected + head.keys, head.stride, length, size, size, key_rows.get());
      pack_rows(projected + head.queries, head.stride, length, size, size,
                query_rows.get());
      pack_rows(upstream + head.context, width, length, size, size,
                upstream_rows.get());
      for (int first = 0; first < length; first += kQueries) {
        const int count = std::min(kQueries, length - first);
        multiply({projected + head.queries + first * head.stride, head.stride / 2, 1},
                 count, keys.get(), padded, padded, size / 2,
                 to_floats(scores.get(), padded));
        multiply({upstream + head.context + int64_t(first) * width, width / 2, 1},
                 count, values.get(), padded, padded, size / 2,
                 to_floats(to_weights.get(), padded));
        for (int q = 0; q < count; q += 2) {
          const int64_t pair = (first + q) / 2;
          QueryGradient query[2];
          for (int i = 0; i < 2; ++i) {
            // Of an odd number of queries, the last one's neighbour weighs nothing.
            const bool is_there = q + i < count;
            const float* stored =
                kept + 2 * (int64_t(head.number) + first + q + (is_there ? i : 0));
            query[i].scores = scores.get() + (q + i) * padded;
            query[i].upstream = to_weights.get() + (q + i) * padded;
            query[i].highest =
                is_there ? stored[0] : std::numeric_limits<float>::infinity();
            query[i].share = stored[1];
            query[i].number = head.weight(first + q + i, length);
          }
          for (int at = 0; at < padded; at += 16) {
            const __m512 one = query[0].weights(at, added.get(), factor, keep);
            const __m512 other = query[1].weights(at, added.get(), factor, keep);
            _mm512_store_si512(weight_pairs.get() + pair * padded + at,
                               as_pairs(one, other));
          }
          const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(query[0].sum));
          const __m512 other_mean = _mm512_set1_ps(_mm512_reduce_add_ps(query[1].sum));
          for (int at = 0; at < padded; at += 16) {
            const __m512 one = query[0].to_scores(at, mean, factor);
            const __m512 other = query[1].to_scores(at, other_mean, factor);
            store16(to_scores.get() + q * padded + at, one);
            store16(to_scores.get() + (q + 1) * padded + at, other);
            _mm512_store_si512(to_score_pairs.get() + pair * padded + at,
                               as_pairs(one, other));
          }
        }
        multiply({to_scores.get(), padded / 2, 1}, count, key_rows.get(), size, size,
                 padded / 2,
                 to_bfloat16(to_projected + head.queries + first * head.stride,
                             head.stride));
      }
      multiply({to_score_pairs.get(), 1, padded}, length, query_rows.get(), size, size,
               pairs, to_bfloat16(to_projected + head.keys, head.stride));
      multiply({weight_pairs.get(), 1, padded}, length, upstream_rows.get(), size, size,
               pairs, to_bfloat16(to_projected + head.values, head.stride));
    }
  }
}

}  // namespace bert_cpu
