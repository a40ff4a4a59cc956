// A matrix of int8 weights as a model's file has it.
#pragma once

#include <cstdint>
#include <string>

namespace bert_cpu {

struct Int8Matrix {
  const int8_t* weights;  // (out, in)
  const float* scales;    // (out)
  const float* bias;      // (out), or null.
  int out, in;

  // The bytes of scales and bias: what tells it apart from another one of its weights.
  std::string numbers() const {
    const size_t bytes = sizeof(float) * out;
    std::string joined(reinterpret_cast<const char*>(scales), bytes);
    if (bias) joined.append(reinterpret_cast<const char*>(bias), bytes);
    return joined;
  }
};

}  // namespace bert_cpu
