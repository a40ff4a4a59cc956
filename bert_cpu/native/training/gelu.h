// GELU by the error function, and its slope, of bfloat16 numbers.
#pragma once

#include <cstdint>

namespace bert_cpu {

void gelu(const uint16_t* x, int64_t count, uint16_t* y);

// upstream: the gradient of y. Writes that of x, which may lie where `upstream` does.
void gelu_gradient(const uint16_t* x, const uint16_t* upstream, int64_t count,
                   uint16_t* gradient);

}  // namespace bert_cpu
