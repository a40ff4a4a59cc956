// GELU of 16 numbers at a time.
//
// With a = |x|, GELU(x) = max(x, 0) - t(a), and t(a) = a * (1 - Phi(a)) is smooth and
// vanishes from 5 on. The cubics are within 2e-5 of it: a hundredth of a step of the
// int8 numbers that it is rounded to.
#pragma once

#include "cubic_table.h"

namespace bert_cpu {

struct GeluTable {
  // approximate: by tanh, as `gelu_new` has it (Hendrycks and Gimpel 2016,
  // https://arxiv.org/abs/1606.08415); else by the error function.
  explicit GeluTable(bool approximate);

  __m512 operator()(__m512 x) const {
    return _mm512_sub_ps(_mm512_max_ps(x, _mm512_setzero_ps()), tail(x));
  }

  CubicTable tail;
};

}  // namespace bert_cpu
