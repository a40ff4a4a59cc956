// Products of rows with a kernel, and their gradients, in bfloat16 with float32 sums.
#pragma once

#include <cstdint>

namespace bert_cpu {

// Inputs and outputs are multiples of 16.
struct AffineShape {
  int64_t rows;
  int inputs, outputs;
};

// y = x @ kernel + bias. x: (rows, inputs). kernel: (inputs, outputs). bias: (outputs).
void affine(const uint16_t* x, const uint16_t* kernel, const uint16_t* bias,
            const AffineShape& shape, uint16_t* y);

// upstream: the gradient of y. Writes those of x, kernel and bias.
void affine_gradient(const uint16_t* x, const uint16_t* kernel,
                     const uint16_t* upstream, const AffineShape& shape, uint16_t* to_x,
                     uint16_t* to_kernel, uint16_t* to_bias);

}  // namespace bert_cpu
