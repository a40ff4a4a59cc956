// Attention of one query, for which no row needs a key or a value of its own.
//
// With keys K x + b, a score is q (K x + b) = (K^T q) x + q b, and softmax doesn't see
// what all scores have in common; with values V x + c, what is attended is V times the
// mixture of the rows, and c. So both matrices meet one vector a head, not all rows.
#pragma once

#include "aligned.h"
#include "int8_matrix.h"

namespace bert_cpu {

class AttendForOne {
 public:
  AttendForOne(int length, int hidden, int heads);

  // past: of keys and values, (2 * hidden, hidden), keys' rows before values'; query:
  // (hidden), heads one behind the other; x: `rows` rows of `hidden` numbers,
  // `stride` apart; penalty: of each row, up to a multiple of 16; attended: (hidden).
  void operator()(const Int8Matrix& past, const float* query, const float* x, int rows,
                  int stride, const float* penalty, float* attended);

 private:
  template <int kHeads, int kRows>
  void score(const float* x, int stride, int head, int row);
  template <int kHeads>
  void mix(const float* x, int rows, int stride, int head, int row);
  template <int kVectors>
  void read_query(const Int8Matrix& past, int head, int column);
  void read_queries(const Int8Matrix& past, const float* query);
  void share(int rows, const float* penalty);
  void read_values(const Int8Matrix& past, float* attended);

  const int hidden_, heads_, head_size_, padded_length_;
  Aligned<float> factors_;  // (hidden), the query times the keys' scales.
  Aligned<float> queries_;  // (heads, hidden): what a row is multiplied by.
  Aligned<float> scores_;   // (heads, padded_length), then their shares.
  Aligned<float> mixed_;    // (heads, hidden)
};

}  // namespace bert_cpu
