#include "shared_matrices.h"

#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

namespace bert_cpu {
namespace {

// Its shape and its numbers. Weights are compared one by one.
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

std::shared_ptr<const PackedMatrix> share_matrix(const Int8Matrix& matrix) {
  const Key key(matrix.out, matrix.in, matrix.numbers());
  for (auto& known : shared().find(key))
    if (known->has_weights(matrix.weights)) return std::move(known);
  auto packed = std::make_shared<const PackedMatrix>(matrix);
  shared().add(key, packed);
  return packed;
}

}  // namespace bert_cpu
