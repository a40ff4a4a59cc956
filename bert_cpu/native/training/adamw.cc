#include "adamw.h"

#include <immintrin.h>

#include <stdexcept>
#include <vector>

namespace bert_cpu {
namespace {

constexpr int kVector = 16;

struct Vectors {
  __m512 weights, momentum, velocity;
};

class Step {
 public:
  explicit Step(const Update& update)
      : scale_(_mm512_set1_ps(update.scale)),
        kept_(_mm512_set1_ps(update.kept)),
        rate_(_mm512_set1_ps(update.rate)),
        to_mean_(_mm512_set1_ps(update.to_mean)),
        to_square_(_mm512_set1_ps(update.to_square)),
        epsilon_(_mm512_set1_ps(update.epsilon)) {}

  Vectors operator()(const Vectors& x, __m512 gradient) const {
    const __m512 g = _mm512_mul_ps(gradient, scale_);
    Vectors y;
    y.momentum = _mm512_fmadd_ps(_mm512_sub_ps(g, x.momentum), to_mean_, x.momentum);
    y.velocity =
        _mm512_fmadd_ps(_mm512_fmsub_ps(g, g, x.velocity), to_square_, x.velocity);
    const __m512 change =
        _mm512_div_ps(_mm512_mul_ps(y.momentum, rate_),
                      _mm512_add_ps(_mm512_sqrt_ps(y.velocity), epsilon_));
    y.weights = _mm512_fmsub_ps(x.weights, kept_, change);
    return y;
  }

 private:
  __m512 scale_, kept_, rate_, to_mean_, to_square_, epsilon_;
};

bool is_at_cache_line(const float* x) {
  return reinterpret_cast<uintptr_t>(x) % 64 == 0;
}

// Past the caches where it can: nothing of it is read before the next step.
template <bool kPastCaches>
void store(float* target, __m512 x) {
  if constexpr (kPastCaches)
    _mm512_stream_ps(target, x);
  else
    _mm512_storeu_ps(target, x);
}

template <bool kPastCaches>
void update_all(const Learned<const float>& before, const float* gradient,
                int64_t count, const Step& step, const Learned<float>& after) {
  int64_t i = 0;
  for (; i + kVector <= count; i += kVector) {
    const Vectors x{_mm512_loadu_ps(before.weights + i),
                    _mm512_loadu_ps(before.momentum + i),
                    _mm512_loadu_ps(before.velocity + i)};
    const Vectors y =
        step(x, gradient ? _mm512_loadu_ps(gradient + i) : _mm512_setzero_ps());
    store<kPastCaches>(after.weights + i, y.weights);
    store<kPastCaches>(after.momentum + i, y.momentum);
    store<kPastCaches>(after.velocity + i, y.velocity);
  }
  if (i == count) return;
  const auto some = static_cast<__mmask16>((1u << (count - i)) - 1);
  const Vectors x{_mm512_maskz_loadu_ps(some, before.weights + i),
                  _mm512_maskz_loadu_ps(some, before.momentum + i),
                  _mm512_maskz_loadu_ps(some, before.velocity + i)};
  const Vectors y = step(
      x, gradient ? _mm512_maskz_loadu_ps(some, gradient + i) : _mm512_setzero_ps());
  _mm512_mask_storeu_ps(after.weights + i, some, y.weights);
  _mm512_mask_storeu_ps(after.momentum + i, some, y.momentum);
  _mm512_mask_storeu_ps(after.velocity + i, some, y.velocity);
}

void update_some(const Learned<const float>& before, const float* gradient,
                 int64_t count, const Step& step, const Learned<float>& after) {
  if (is_at_cache_line(after.weights) && is_at_cache_line(after.momentum) &&
      is_at_cache_line(after.velocity))
    update_all<true>(before, gradient, count, step, after);
  else
    update_all<false>(before, gradient, count, step, after);
}

}  // namespace

void adamw(const Learned<const float>& before, const float* gradient, int64_t count,
           const Update& update, const Learned<float>& after) {
  update_some(before, gradient, count, Step(update), after);
  _mm_sfence();  // Other threads must see what went past the caches.
}

void adamw_of_rows(const Learned<const float>& before, const float* values,
                   const int32_t* indices, int64_t num_values, int64_t rows,
                   int64_t columns, const Update& update, const Learned<float>& after) {
  std::vector<const float*> gradients(rows, nullptr);
  for (int64_t i = 0; i < num_values; ++i) {
    if (indices[i] < 0 || indices[i] >= rows)
      throw std::invalid_argument("an index is no row of the table");
    const float*& gradient = gradients[indices[i]];
    if (gradient) throw std::invalid_argument("an index comes twice");
    gradient = values + i * columns;
  }
  const Step step(update);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t place = row * columns;
    update_some(before.at(place), gradients[row], columns, step, after.at(place));
  }
  _mm_sfence();
}

}  // namespace bert_cpu
