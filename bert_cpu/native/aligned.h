// Memory that starts at a cache line.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace bert_cpu {

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};

template <typename T>
using Aligned = std::unique_ptr<T[], FreeMemory>;

// Of any content, for what is written as a whole.
template <typename T>
Aligned<T> make_unset(size_t count) {
  const size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
  void* memory = std::aligned_alloc(64, bytes ? bytes : 64);
  if (!memory) throw std::bad_alloc();
  return Aligned<T>(static_cast<T*>(memory));
}

// Zeros.
template <typename T>
Aligned<T> make_aligned(size_t count) {
  Aligned<T> memory = make_unset<T>(count);
  std::memset(memory.get(), 0, count * sizeof(T));
  return memory;
}

constexpr int round_up(int value, int step) { return (value + step - 1) / step * step; }

}  // namespace bert_cpu
