// Calls a function with a small number as a constant that the compiler unrolls by.
#pragma once

#include <type_traits>

namespace bert_cpu {

// `count` is 1 to `kMost`; the function gets it as std::integral_constant<int, count>.
template <int kMost, typename Function>
void with_constant(int count, const Function& function) {
  if constexpr (kMost > 0) {
    if (count == kMost)
      function(std::integral_constant<int, kMost>());
    else
      with_constant<kMost - 1>(count, function);
  }
}

}  // namespace bert_cpu
