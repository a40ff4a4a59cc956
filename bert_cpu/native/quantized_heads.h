// Queries, keys and values of one sequence in 8 bits, a step for each row of each head.
//
// Numbers of a head are near each other in size, those of two heads or of two rows
// need not be: so steps are measured where they are, and none is learnt beforehand.
#pragma once

#include <cstdint>

#include "aligned.h"

namespace bert_cpu {

// Queries as VPDPBUSD reads its unsigned side: x is about step * (code - 128).
struct QuantizedQueries {
  QuantizedQueries(int rows, int heads, int head_size);

  // Rounds heads * head_size numbers; `index` is the row's.
  void set_row(int index, const float* x);

  const int heads, head_size;
  Aligned<uint8_t> codes;  // (rows, heads * head_size)
  Aligned<float> steps;    // (rows, heads)
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
  void set_key(int row, const float* key);
  void set_values(int row, int rows, const float* values, int stride);
};

}  // namespace bert_cpu
