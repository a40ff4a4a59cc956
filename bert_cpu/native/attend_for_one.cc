#include "attend_for_one.h"

#include <immintrin.h>

#include <algorithm>

#include "exponential.h"
#include "with_constant.h"

namespace bert_cpu {
namespace {

// 4 heads of 4 rows are 16 sums.
constexpr int kSome = 4;
// Vectors of a query that are made at a time.
constexpr int kMostColumns = 8;
// Rows that are mixed at a time.
constexpr int kMixed = 16;

__m512 weights_at(const int8_t* place) {
  const auto* bytes = reinterpret_cast<const __m128i*>(place);
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(bytes)));
}

}  // namespace

AttendForOne::AttendForOne(int length, int hidden, int heads)
    : hidden_(hidden),
      heads_(heads),
      head_size_(hidden / heads),
      padded_length_(round_up(length, 16)),
      factors_(make_unset<float>(hidden)),
      queries_(make_unset<float>(size_t(heads) * hidden)),
      scores_(make_aligned<float>(size_t(heads) * padded_length_)),
      mixed_(make_unset<float>(size_t(heads) * hidden)) {}

void AttendForOne::operator()(const Int8Matrix& past, const float* query,
                              const float* x, int rows, int stride,
                              const float* penalty, float* attended) {
  read_queries(past, query);
  const auto each_heads = [&](const auto& function) {
    for (int head = 0; head < heads_; head += kSome)
      with_constant<kSome>(std::min(kSome, heads_ - head),
                           [&](auto count) { function(head, count); });
  };
  // Rows stay in the nearest cache while all heads pass them.
  for (int row = 0; row < rows; row += kSome)
    each_heads([&](int head, auto heads) {
      with_constant<kSome>(std::min(kSome, rows - row), [&](auto count) {
        score<heads, count>(x + size_t(row) * stride, stride, head, row);
      });
    });
  share(rows, penalty);
  std::fill_n(mixed_.get(), size_t(heads_) * hidden_, 0.0f);
  for (int row = 0; row < rows; row += kMixed)
    each_heads([&](int head, auto heads) {
      mix<heads>(x + size_t(row) * stride, std::min(kMixed, rows - row), stride, head,
                 row);
    });
  read_values(past, attended);
}

void AttendForOne::read_queries(const Int8Matrix& past, const float* query) {
  for (int i = 0; i < hidden_; ++i) factors_[i] = query[i] * past.scales[i];
  for (int head = 0; head < heads_; ++head)
    for (int column = 0; column < hidden_; column += 16 * kMostColumns)
      with_constant<kMostColumns>(
          std::min(kMostColumns, (hidden_ - column) / 16),
          [&](auto vectors) { read_query<vectors>(past, head, column); });
}

template <int kVectors>
void AttendForOne::read_query(const Int8Matrix& past, int head, int column) {
  __m512 sums[kVectors]{};
  const int first = head * head_size_;
  for (int i = first; i < first + head_size_; ++i) {
    const int8_t* row = past.weights + size_t(i) * hidden_ + column;
    const __m512 factor = _mm512_set1_ps(factors_[i]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      sums[v] = _mm512_fmadd_ps(factor, weights_at(row + 16 * v), sums[v]);
  }
  for (int v = 0; v < kVectors; ++v)
    _mm512_store_ps(&queries_[size_t(head) * hidden_ + column + 16 * v], sums[v]);
}

template <int kHeads, int kRows>
void AttendForOne::score(const float* x, int stride, int head, int row) {
  __m512 sums[kHeads][kRows]{};
  for (int at = 0; at < hidden_; at += 16) {
    __m512 rows[kRows];
    for (int r = 0; r < kRows; ++r)
      rows[r] = _mm512_loadu_ps(x + size_t(r) * stride + at);
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; ++h) {
      const __m512 query = _mm512_load_ps(&queries_[size_t(head + h) * hidden_ + at]);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r)
        sums[h][r] = _mm512_fmadd_ps(query, rows[r], sums[h][r]);
    }
  }
  for (int h = 0; h < kHeads; ++h)
    for (int r = 0; r < kRows; ++r)
      scores_[size_t(head + h) * padded_length_ + row + r] =
          _mm512_reduce_add_ps(sums[h][r]);
}

void AttendForOne::share(int rows, const float* penalty) {
  for (int head = 0; head < heads_; ++head) {
    float* scores = &scores_[size_t(head) * padded_length_];
    __m512 most = _mm512_set1_ps(-3e38f);
    for (int at = 0; at < rows; at += 16) {
      const __m512 score =
          _mm512_add_ps(_mm512_load_ps(scores + at), _mm512_loadu_ps(penalty + at));
      _mm512_store_ps(scores + at, score);
      most = _mm512_max_ps(most, score);
    }
    const __m512 highest = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    __m512 sum = _mm512_setzero_ps();
    for (int at = 0; at < rows; at += 16) {
      const __m512 power =
          exponential(_mm512_sub_ps(_mm512_load_ps(scores + at), highest));
      _mm512_store_ps(scores + at, power);
      sum = _mm512_add_ps(sum, power);
    }
    const __m512 factor = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(sum));
    for (int at = 0; at < rows; at += 16)
      _mm512_store_ps(scores + at, _mm512_mul_ps(_mm512_load_ps(scores + at), factor));
  }
}

template <int kHeads>
void AttendForOne::mix(const float* x, int rows, int stride, int head, int row) {
  const float* shares = &scores_[size_t(head) * padded_length_ + row];
  float* mixed = &mixed_[size_t(head) * hidden_];
  for (int at = 0; at < hidden_; at += 16) {
    // Two sums a head, neither of which waits for the other.
    __m512 sums[kHeads][2]{};
    const auto add = [&](int r, int lane) {
      const __m512 some = _mm512_loadu_ps(x + size_t(r) * stride + at);
#pragma GCC unroll 4
      for (int h = 0; h < kHeads; ++h)
        sums[h][lane] =
            _mm512_fmadd_ps(_mm512_set1_ps(shares[size_t(h) * padded_length_ + r]),
                            some, sums[h][lane]);
    };
    int r = 0;
    for (; r + 2 <= rows; r += 2) {
      add(r, 0);
      add(r + 1, 1);
    }
    if (r < rows) add(r, 0);
    for (int h = 0; h < kHeads; ++h) {
      float* place = mixed + size_t(h) * hidden_ + at;
      const __m512 sum = _mm512_add_ps(sums[h][0], sums[h][1]);
      _mm512_store_ps(place, _mm512_add_ps(_mm512_load_ps(place), sum));
    }
  }
}

void AttendForOne::read_values(const Int8Matrix& past, float* attended) {
  // A head has a multiple of 16 numbers.
  for (int i = 0; i < hidden_; i += kSome) {
    const float* mixed = &mixed_[size_t(i / head_size_) * hidden_];
    const int8_t* rows = past.weights + size_t(hidden_ + i) * hidden_;
    __m512 sums[kSome]{};
    for (int at = 0; at < hidden_; at += 16) {
      const __m512 some = _mm512_load_ps(mixed + at);
#pragma GCC unroll 4
      for (int lane = 0; lane < kSome; ++lane)
        sums[lane] = _mm512_fmadd_ps(weights_at(rows + size_t(lane) * hidden_ + at),
                                     some, sums[lane]);
    }
    for (int lane = 0; lane < kSome; ++lane) {
      const int place = hidden_ + i + lane;
      attended[i + lane] = _mm512_reduce_add_ps(sums[lane]) * past.scales[place] +
                           (past.bias ? past.bias[place] : 0.0f);
    }
  }
}

}  // namespace bert_cpu
