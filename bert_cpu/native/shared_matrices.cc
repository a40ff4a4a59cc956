#include "shared_matrices.h"

#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

namespace bert_cpu {
namespace {

// Its shape, and the bytes of its scales and bias. Weights are compared one by one.
using Key = std::tuple<int, int, std::string>;

class SharedMatrices {
 public:
  std::vector<std::shared_ptr<const PackedMatrix>> find(const Key& key) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::shared_ptr<const PackedMatrix>> found;
    const auto [begin, end] = matrices_.equal_range(key);
    for (auto each = begin; each != end; ++each)
      if (auto matrix = each->second.lock()) found.push_back(std::move(matrix));
    return found;
  }

  void add(const Key& key, const std::shared_ptr<const PackedMatrix>& matrix) {
    std::lock_guard<std::mutex> lock(mutex_);
    // Those that nobody uses any more are gone, but for what tells of them.
    for (auto each = matrices_.begin(); each != matrices_.end();)
      each = each->second.expired() ? matrices_.erase(each) : std::next(each);
    matrices_.emplace(key, matrix);
  }

 private:
  std::mutex mutex_;
  std::multimap<Key, std::weak_ptr<const PackedMatrix>> matrices_;
};

// Never destroyed: interpreters may be left when a process ends.
SharedMatrices& shared() {
  static auto& matrices = *new SharedMatrices;
  return matrices;
}

}  // namespace

std::shared_ptr<const PackedMatrix> share_matrix(const int8_t* weights,
                                                 const float* scales, const float* bias,
                                                 int out, int in) {
  const size_t bytes = sizeof(float) * out;
  std::string numbers(reinterpret_cast<const char*>(scales), bytes);
  if (bias) numbers.append(reinterpret_cast<const char*>(bias), bytes);
  const Key key(out, in, std::move(numbers));
  for (auto& matrix : shared().find(key))
    if (matrix->has_weights(weights)) return std::move(matrix);
  auto matrix = std::make_shared<const PackedMatrix>(weights, scales, bias, out, in);
  shared().add(key, matrix);
  return matrix;
}

}  // namespace bert_cpu
