#include "cubic_table.h"

#include <algorithm>
#include <cmath>

namespace bert_cpu {

CubicTable::CubicTable(const std::function<double(double)>& function) {
  for (int segment = 0; segment < 16; ++segment) {
    // Newton's interpolation at the four Chebyshev nodes of what is nearest to it.
    const double first = std::max(0.0, segment - 0.5), last = segment + 0.5;
    double node[4], slope[4];
    for (int i = 0; i < 4; ++i) {
      const double place = 0.5 - 0.5 * std::cos(M_PI * (2 * i + 1) / 8);
      node[i] = (first + place * (last - first)) / kSegmentsPerUnit;
      slope[i] = function(node[i]);
    }
    for (int order = 1; order < 4; ++order)
      for (int i = 3; i >= order; --i)
        slope[i] = (slope[i] - slope[i - 1]) / (node[i] - node[i - order]);
    // Expanded into powers.
    double power[4] = {slope[3], 0, 0, 0};
    for (int i = 2; i >= 0; --i) {
      for (int j = 3; j > 0; --j) power[j] = power[j - 1] - node[i] * power[j];
      power[0] = slope[i] - node[i] * power[0];
    }
    for (int j = 0; j < 4; ++j) cubic[j][segment] = static_cast<float>(power[j]);
  }
}

}  // namespace bert_cpu
