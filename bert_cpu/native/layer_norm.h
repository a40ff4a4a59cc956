// Layer norm of a row (Ba et al. 2016, https://arxiv.org/abs/1607.06450).
#pragma once

namespace bert_cpu {

struct LayerNorm {
  const float* gamma;  // Null, as beta, for 1 and 0.
  const float* beta;
  float epsilon;

  // normed = (x - mean) / deviation, and y = normed * gamma + beta. `columns` is a
  // multiple of 16; y may be x.
  void operator()(const float* x, int columns, float* normed, float* y) const;
};

}  // namespace bert_cpu
