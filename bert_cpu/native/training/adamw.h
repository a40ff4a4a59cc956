// One update of AdamW (Loshchilov and Hutter 2017), in one pass over memory.
#pragma once

#include <cstdint>

namespace bert_cpu {

struct Update {
  float scale;      // Multiplies the gradient.
  float kept;       // Share of a weight that decay leaves.
  float rate;       // Multiplies the moments' quotient: corrected for their start at 0.
  float to_mean;    // 1 - beta_1.
  float to_square;  // 1 - beta_2.
  float epsilon;
};

template <typename Float>
struct Learned {
  Float* weights;
  Float* momentum;
  Float* velocity;

  Learned at(int64_t place) const {
    return {weights + place, momentum + place, velocity + place};
  }
};

// Writes `count` numbers of each of `after`, which is not `before`. A gradient that is
// null is 0 everywhere.
void adamw(const Learned<const float>& before, const float* gradient, int64_t count,
           const Update& update, const Learned<float>& after);

// The same of a table, `rows` of `columns`. Of its gradient there are `num_values`
// rows; `indices` say which. Throws std::invalid_argument if one is no row or comes
// twice.
void adamw_of_rows(const Learned<const float>& before, const float* values,
                   const int32_t* indices, int64_t num_values, int64_t rows,
                   int64_t columns, const Update& update, const Learned<float>& after);

}  // namespace bert_cpu
