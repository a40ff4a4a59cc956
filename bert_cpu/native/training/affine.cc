#include "affine.h"

#include <algorithm>

#include "../aligned.h"
#include "bfloat16.h"
#include "multiply.h"
#include "pack.h"

namespace bert_cpu {
namespace {

// Columns that are packed, and multiplied with all rows, at a time.
constexpr int kPanel = 64;

int panel_width(int first, int columns) { return std::min(kPanel, columns - first); }

}  // namespace

void affine(const uint16_t* x, const uint16_t* kernel, const uint16_t* bias,
            const AffineShape& shape, uint16_t* y) {
  const int inputs = shape.inputs, outputs = shape.outputs;
  const auto panel = make_unset<uint32_t>(size_t(inputs) / 2 * kPanel);
  for (int first = 0; first < outputs; first += kPanel) {
    const int width = panel_width(first, outputs);
    pack_rows(kernel + first, outputs, inputs, width, width, panel.get());
    multiply({x, inputs / 2, 1}, static_cast<int>(shape.rows), panel.get(), width,
             width, inputs / 2, [&](int row, int column, __m512 sums) {
               store16(y + int64_t(row) * outputs + first + column,
                       _mm512_add_ps(sums, load16(bias + first + column)));
             });
  }
}

void affine_gradient(const uint16_t* x, const uint16_t* kernel,
                     const uint16_t* upstream, const AffineShape& shape, uint16_t* to_x,
                     uint16_t* to_kernel, uint16_t* to_bias) {
  const int inputs = shape.inputs, outputs = shape.outputs;
  const int rows = static_cast<int>(shape.rows), pairs = (rows + 1) / 2;

  const auto panel =
      make_unset<uint32_t>(size_t(std::max(outputs / 2, pairs)) * kPanel);
  for (int first = 0; first < inputs; first += kPanel) {
    const int width = panel_width(first, inputs);
    pack_columns(kernel + int64_t(first) * outputs, outputs, width, outputs, width,
                 panel.get());
    multiply({upstream, outputs / 2, 1}, rows, panel.get(), width, width, outputs / 2,
             [&](int row, int column, __m512 sums) {
               store16(to_x + int64_t(row) * inputs + first + column, sums);
             });
  }

  // Rows of x in pairs, in panels as well: what is read together lies together.
  const auto columns = make_unset<uint32_t>(size_t(pairs) * inputs);
  for (int first = 0; first < inputs; first += kPanel) {
    const int width = panel_width(first, inputs);
    pack_rows(x + first, inputs, rows, width, width,
              columns.get() + int64_t(first) * pairs);
  }
  alignas(64) float sums_of_columns[kPanel];
  for (int first = 0; first < outputs; first += kPanel) {
    const int width = panel_width(first, outputs);
    pack_rows(upstream + first, outputs, rows, width, width, panel.get(),
              sums_of_columns);
    for (int column = 0; column < width; column += 16)
      store16(to_bias + first + column, _mm512_load_ps(sums_of_columns + column));
    for (int input = 0; input < inputs; input += kPanel) {
      const int count = panel_width(input, inputs);
      multiply({columns.get() + int64_t(input) * pairs, 1, count}, count, panel.get(),
               width, width, pairs, [&](int row, int column, __m512 sums) {
                 store16(to_kernel + int64_t(input + row) * outputs + first + column,
                         sums);
               });
    }
  }
}

}  // namespace bert_cpu
