// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Worker: one thread of a ThreadPool, and what it does while a task of its waits for a future.

#include "executors/threads/lane.hpp"
#include "executors/threads/queued.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/futures/detail/cell.hpp>
#include <coeval/futures/detail/wait_helper.hpp>
#include <coeval/threading/thread.hpp>

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace coeval::detail {

class ThreadPool;

// Whether this thread's stack has room for one more task on top.
bool has_stack_room() noexcept;

class Worker final : public WaitHelper {
 public:
  struct Times {
    std::int64_t busy_ns = 0;
    std::int64_t cpu_ns = 0;

    Times& operator+=(const Times& other) noexcept {
      busy_ns += other.busy_ns;
      cpu_ns += other.cpu_ns;
      return *this;
    }
  };

  // The number is that of the worker in its pool, counted from 0.
  Worker(ThreadPool& pool, Lane& lane, std::size_t number)
      : pool_(pool), lane_(lane), number_(number) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The calling thread's worker, if it is one of pool's.
  static Worker* of_this_thread(const ThreadPool& pool) noexcept;

  // The thread's work, from its first task to its end. The thread keeps pool and worker alive.
  static void run(const std::shared_ptr<ThreadPool>& pool, const std::shared_ptr<Worker>& worker);

  bool help(Cell& awaited) override;
  void before_sleep() noexcept override;
  void after_sleep() noexcept override;

  // Runs a task that was taken out of this worker's deque while another runs, if nobody claimed or
  // cancelled it.
  void run_own_one(Queued task);

 private:
  friend class ThreadPool;

  void work();
  void run_one(Queued task);
  void run_started(Cell& task);
  void forget_claimed(const Cell& task);
  void wake() noexcept;
  void make_way_for_waker() noexcept;
  void sleep_until_woken() noexcept;
  void begin_busy() noexcept;
  void end_busy() noexcept;

  // Under the pool's lock, and while the thread exists.
  Times times() const noexcept;

  ThreadPool& pool_;
  Lane& lane_;
  const std::size_t number_;

  // Guarded by the pool's lock.
  threading::Thread thread_;
  std::optional<pthread_t> handle_;  // set once the thread runs
  bool ending_ = false;              // counted in the pool's ending_

  // Counted in the pool's searching_. Set by the waker, before the wake, or by this thread.
  bool searching_ = true;
  bool spinning_ = false;  // and there as one that spins, too; only this thread

  // Only this worker's thread.
  std::size_t looks_ = 0;                // for tasks
  std::size_t turn_ = 0;                 // where to look in the injector first
  std::size_t victim_ = 0;               // whom to steal from first
  std::size_t bundle_ = 1;               // how many tasks to take from the injector
  bool stole_little_ = false;            // when it last stole
  std::size_t bundles_ = 0;              // taken
  std::int64_t last_clock_ns_ = 0;       // when bundle_ was last looked at
  bool ran_ = false;                     // since it was woken, or spun
  WorkDeque::Number last_began_at_ = 0;  // the number of the last task's first child
  std::size_t only_children_ = 0;        // run in a row, before older tasks

  // On which processor it was woken; -1: not since it last made way. Written before the wake.
  int waker_cpu_ = -1;

  // The word the idle worker sleeps on: 1 when woken.
  atomic<std::uint32_t> signal_{0};

  // Written by this worker's thread, read by stats(): relaxed, they say nothing but themselves.
  atomic<std::int64_t> busy_ns_{0};
  atomic<std::int64_t> busy_since_ns_{0};  // 0 when idle
};

}  // namespace coeval::detail
