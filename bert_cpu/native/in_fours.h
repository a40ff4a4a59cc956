// Goes through vectors with four results side by side, none of which waits for the
// one before.
#pragma once

#include <type_traits>

namespace bert_cpu {

// Calls add(i, lane) for i from 0 to count - 1; `lane`, i modulo 4, is a constant for
// the compiler: std::integral_constant<int, lane>.
template <typename Function>
inline void in_fours(int count, const Function& add) {
  int i = 0;
  for (; i + 4 <= count; i += 4) {
    add(i, std::integral_constant<int, 0>());
    add(i + 1, std::integral_constant<int, 1>());
    add(i + 2, std::integral_constant<int, 2>());
    add(i + 3, std::integral_constant<int, 3>());
  }
  if (i < count) add(i, std::integral_constant<int, 0>());
  if (i + 1 < count) add(i + 1, std::integral_constant<int, 1>());
  if (i + 2 < count) add(i + 2, std::integral_constant<int, 2>());
}

}  // namespace bert_cpu
