// Rows of float32 rounded to uint8, each with a step and a zero of its own.
#pragma once

#include <cstdint>

#include "aligned.h"

namespace bert_cpu {

// x is about step * (code - zero), as LiteRT's dynamic-range kernels round it.
struct QuantizedRows {
  QuantizedRows(int rows, int columns)
      : columns(columns),
        codes(make_unset<uint8_t>(size_t(rows) * columns)),
        step(make_aligned<float>(rows)),
        zero(make_aligned<int32_t>(rows)) {}

  // Rounds `columns` numbers, a multiple of 16; `index` is the row's.
  void set_row(int index, const float* x);

  int columns;
  Aligned<uint8_t> codes;
  Aligned<float> step;
  Aligned<int32_t> zero;
};

}  // namespace bert_cpu
