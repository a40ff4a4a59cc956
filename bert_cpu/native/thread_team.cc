#include "thread_team.h"

#include <immintrin.h>
#include <unistd.h>

#include <exception>
#include <utility>

namespace bert_cpu {
namespace {

// Pauses of about 15 ns: some 50 us until another thread may have this core, and some
// 500 us until a thread without work sleeps.
constexpr int kPauses = 4000;
constexpr int kTurnsAwake = kPauses + 400;

}  // namespace

void wait_a_moment(int turn) {
  if (turn < kPauses)
    _mm_pause();
  else
    std::this_thread::yield();
}

ThreadTeam::~ThreadTeam() {
  if (is_forked()) {
    // Nobody would ever be joined, or leave the condition; and a thread's name may by
    // now be that of another, which this process made. So both are left behind.
    (void)new std::vector<std::thread>(std::move(threads_));
    (void)wakes_.release();
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ends_ = true;
    ++runs_;
  }
  wakes_->notify_all();
  for (auto& thread : threads_) thread.join();
}

bool ThreadTeam::is_forked() const { return !threads_.empty() && process_ != getpid(); }

void ThreadTeam::start() {
  process_ = getpid();
  try {
    threads_.reserve(size);
    for (int member = 1; member < size; ++member)
      threads_.emplace_back([this, member] { serve(member); });
  } catch (const std::exception&) {
    // A limit of the system's, or of memory: those that there are do all of the work.
  }
}

void ThreadTeam::run(const std::function<void(int)>& work) {
  if (size == 1 || is_forked()) return work(0);
  work_ = &work;
  inside_.store(kOpen, std::memory_order_release);
  if (threads_.empty()) start();
  bool anybody_sleeps;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++runs_;
    anybody_sleeps = asleep_ > 0;
  }
  if (anybody_sleeps) wakes_->notify_all();
  work(0);
  inside_.fetch_sub(kOpen, std::memory_order_acq_rel);
  for (int turn = 0; inside_.load(std::memory_order_acquire) != 0; ++turn)
    wait_a_moment(turn);
}

bool ThreadTeam::enter() {
  int inside = inside_.load(std::memory_order_relaxed);
  while (inside >= kOpen)
    if (inside_.compare_exchange_weak(inside, inside + 1, std::memory_order_acq_rel))
      return true;
  return false;
}

void ThreadTeam::serve(int member) {
  unsigned seen = 0;
  for (;;) {
    const auto is_called = [&] {
      return runs_.load(std::memory_order_acquire) != seen;
    };
    for (int turn = 0; turn < kTurnsAwake && !is_called(); ++turn) wait_a_moment(turn);
    if (!is_called()) {
      std::unique_lock<std::mutex> lock(mutex_);
      ++asleep_;
      wakes_->wait(lock, is_called);
      --asleep_;
    }
    seen = runs_.load(std::memory_order_acquire);
    if (ends_) return;
    if (!enter()) continue;  // It came too late.
    (*work_)(member);
    inside_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

}  // namespace bert_cpu
