// A matrix of int8 weights with a bias, laid out for VPDPBUSD.
#pragma once

#include <cstdint>

#include "aligned.h"
#include "gelu_table.h"
#include "int8_matrix.h"
#include "quantized_rows.h"

namespace bert_cpu {

// What a product with `PackedMatrix` ends in: one of these, or neither.
struct Epilogue {
  const GeluTable* gelu = nullptr;
  // Added to the product: a row for each of its rows, `residual_stride` apart.
  const float* residual = nullptr;
  int residual_stride = 0;
};

class PackedMatrix {
 public:
  // `in` is a multiple of 16.
  explicit PackedMatrix(const Int8Matrix& matrix);

  // Whether its weights are these: (out, in).
  bool has_weights(const int8_t* weights) const;

  // y[i] = epilogue(x[i] * W + bias) for rows [0, rows) of x. Rows of y are
  // `y_stride` apart, and as many as `out_padded` columns of each are written.
  void multiply(const QuantizedRows& x, int rows, float* y, int y_stride,
                const Epilogue& epilogue = {}) const;

  const int out, in;
  // `out` up to a multiple of the panel's width: the rest is zero.
  const int out_padded;

 private:
  // With the epilogue as a function of 16 numbers, their row and first column.
  template <typename Ending>
  void multiply_and_end(const QuantizedRows& x, int rows, float* y, int y_stride,
                        const Ending& ending) const;

  // Panels of 64 columns; in each, for 4 numbers of a row, 64 columns of 4 bytes.
  Aligned<int8_t> panels_;
  Aligned<int32_t> sums_;  // Of each column, for the rows' zeros.
  Aligned<float> scales_;
  Aligned<float> bias_;
};

}  // namespace bert_cpu
