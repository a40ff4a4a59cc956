#include "gelu.h"

#include <cmath>

#include "../cubic_table.h"
#include "bfloat16.h"

namespace bert_cpu {
namespace {

double above(double a) { return 0.5 * std::erfc(a / std::sqrt(2.0)); }

double density(double a) { return std::exp(-0.5 * a * a) / std::sqrt(2.0 * M_PI); }

// Both are a half and an odd function of x: what is over a half is in the tables.
const CubicTable& share_table() {
  static const CubicTable table([](double a) { return 0.5 - above(a); });
  return table;
}

const CubicTable& slope_table() {
  static const CubicTable table(
      [](double a) { return 0.5 - above(a) + a * density(a); });
  return table;
}

__m512 with_half(const CubicTable& table, __m512 x) {
  const __m512 sign = _mm512_and_ps(x, _mm512_set1_ps(-0.0f));
  const __m512 odd = _mm512_xor_ps(table(x), sign);
  return _mm512_add_ps(odd, _mm512_set1_ps(0.5f));
}

}  // namespace

void gelu(const uint16_t* x, int64_t count, uint16_t* y) {
  const CubicTable table = share_table();
  const auto of = [&](__m512 x) { return _mm512_mul_ps(x, with_half(table, x)); };
  int64_t at = 0;
  for (; at + 16 <= count; at += 16) store16(y + at, of(load16(x + at)));
  if (const int rest = static_cast<int>(count - at))
    store_some(y + at, of(load_some(x + at, rest)), rest);
}

void gelu_gradient(const uint16_t* x, const uint16_t* upstream, int64_t count,
                   uint16_t* gradient) {
  const CubicTable table = slope_table();
  const auto of = [&](__m512 x, __m512 upstream) {
    return _mm512_mul_ps(upstream, with_half(table, x));
  };
  int64_t at = 0;
  for (; at + 16 <= count; at += 16)
    store16(gradient + at, of(load16(x + at), load16(upstream + at)));
  if (const int rest = static_cast<int>(count - at))
    store_some(gradient + at,
               of(load_some(x + at, rest), load_some(upstream + at, rest)), rest);
}

}  // namespace bert_cpu
