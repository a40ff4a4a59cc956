#include "gelu_table.h"

#include <cmath>

namespace bert_cpu {
namespace {

double tail(double a, bool approximate) {
  if (!approximate) return 0.5 * a * std::erfc(a / std::sqrt(2.0));
  const double inner = std::sqrt(2.0 / M_PI) * (a + 0.044715 * a * a * a);
  return 0.5 * a * (1.0 - std::tanh(inner));
}

}  // namespace

GeluTable::GeluTable(bool approximate) {
  for (int segment = 0; segment < 16; ++segment) {
    // Newton's interpolation at the four Chebyshev nodes of [0, 1].
    double node[4], slope[4];
    for (int i = 0; i < 4; ++i) {
      node[i] = 0.5 - 0.5 * std::cos(M_PI * (2 * i + 1) / 8);
      slope[i] = tail((segment + node[i]) / kSegmentsPerUnit, approximate);
    }
    for (int order = 1; order < 4; ++order)
      for (int i = 3; i >= order; --i)
        slope[i] = (slope[i] - slope[i - 1]) / (node[i] - node[i - order]);
    // Expanded into powers of u.
    double power[4] = {slope[3], 0, 0, 0};
    for (int i = 2; i >= 0; --i) {
      for (int j = 3; j > 0; --j) power[j] = power[j - 1] - node[i] * power[j];
      power[0] = slope[i] - node[i] * power[0];
    }
    for (int j = 0; j < 4; ++j) cubic[j][segment] = static_cast<float>(power[j]);
  }
}

}  // namespace bert_cpu

// For tests: GELU of `count` numbers, a multiple of 16.
extern "C" __attribute__((visibility("default"))) void bert_cpu_gelu(const float* x,
                                                                     int count,
                                                                     bool approximate,
                                                                     float* y) {
  const bert_cpu::GeluTable gelu(approximate);
  for (int i = 0; i < count; i += 16)
    _mm512_storeu_ps(y + i, gelu(_mm512_loadu_ps(x + i)));
}
