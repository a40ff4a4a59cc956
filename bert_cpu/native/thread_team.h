// Threads that help with a work as soon as they are awake.
//
// Nobody waits for a thread to wake up: a virtual machine may take milliseconds to give
// it a core, which is longer than a short text takes. It then helps with what is left.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace bert_cpu {

// Lets a moment pass, longer and longer; `turn` counts up from 0.
void wait_a_moment(int turn);

// Rows that threads share out among each other.
class Shared {
 public:
  void reset() { taken_ = done_ = 0; }

  // Calls function(row, rows) for `chunk` rows after the other until others have taken
  // the rest, and returns when all `total` rows are done.
  template <typename Function>
  void each(int total, int chunk, const Function& function) {
    for (int row; (row = taken_.fetch_add(chunk, std::memory_order_relaxed)) < total;) {
      const int rows = std::min(chunk, total - row);
      function(row, rows);
      done_.fetch_add(rows, std::memory_order_acq_rel);
    }
    for (int turn = 0; done_.load(std::memory_order_acquire) < total; ++turn)
      wait_a_moment(turn);
  }

 private:
  std::atomic<int> taken_{0}, done_{0};
};

class ThreadTeam {
 public:
  // The caller of `run` is one of them. No thread is started before the first run.
  explicit ThreadTeam(int size) : size(size) {}
  ~ThreadTeam();

  // Calls work(0), and meanwhile work(1), ... in the threads that are awake in time.
  // Returns when the caller and those that began are done.
  void run(const std::function<void(int)>& work);

  const int size;

 private:
  void start();
  void serve(int member);
  bool enter();
  // Whether this is a copy of the process, which has none of its threads.
  bool is_forked() const;

  std::vector<std::thread> threads_;
  pid_t process_ = 0;  // That started them.
  const std::function<void(int)>* work_ = nullptr;
  std::atomic<unsigned> runs_{0};
  // How many threads are at work, and whether others may still begin.
  static constexpr int kOpen = 1 << 30;
  std::atomic<int> inside_{0};
  std::atomic<bool> ends_{false};
  std::mutex mutex_;
  std::unique_ptr<std::condition_variable> wakes_ =
      std::make_unique<std::condition_variable>();
  int asleep_ = 0;
};

}  // namespace bert_cpu
