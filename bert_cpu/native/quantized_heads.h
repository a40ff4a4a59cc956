// Queries, keys and values of one sequence in 8 bits, a step for each row of each head.
//
// Numbers of a head are near each other in size, those of two heads or of two rows
// need not be: so steps are measured where they are, and none is learnt beforehand.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "aligned.h"

namespace bert_cpu {

// Queries as VPDPBUSD reads its unsigned side: x is about step * (code - 128).
struct QuantizedQueries {
  QuantizedQueries(int rows, int heads, int head_size);

  // Rounds the rows [row, row + new_rows), `stride` apart, of heads one behind the
  // other.
  void set_rows(int row, int new_rows, const float* x, int stride);

  const int rows, heads, head_size;
  Aligned<uint8_t> codes;  // (rows, heads * head_size)
  Aligned<float> steps;    // (heads, rows)
};

// Keys and values as its signed side, in fours of numbers that are added together.
struct QuantizedPast {
  QuantizedPast(int heads, int head_size, int length);

  // `keys` and `values`: float32 rows [row, row + rows), `stride` apart, of heads
  // one behind the other. `row` is a multiple of 4.
  void set_rows(int row, int rows, const float* keys, const float* values, int stride);

  const int heads, head_size, padded_length;
  // [head][head_size / 4][padded_length] fours of a key's numbers.
  Aligned<uint32_t> keys;
  // [head][padded_length / 4][head_size] fours of as many rows' numbers.
  Aligned<uint32_t> values;
  // All [head][padded_length]. Of a key: its step, and -128 times the sum of its
  // codes, which makes up for the queries' 128. Of a value: 1 / its step.
  Aligned<float> key_steps, value_scales;
  Aligned<int32_t> key_starts;

 private:
  // Of up to 16 rows; the mask has the bits of those that there are.
  template <typename Codes>
  void set_keys(const Codes& codes, int head, int row, __mmask16 mask);
  template <typename Codes>
  void set_values(const Codes& codes, int head, int row, int rows, __mmask16 mask);
};

}  // namespace bert_cpu
