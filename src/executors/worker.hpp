// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Worker: one thread of a ThreadPool, and what it does while a task of its waits for a future.

#include "executors/run_task.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/futures/detail/cell.hpp>
#include <coeval/futures/detail/wait_helper.hpp>
#include <coeval/threading/thread.hpp>

#include <pthread.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

namespace coeval::detail {

class ThreadPool;

class Worker final : public WaitHelper {
 public:
  // What a worker has done.
  struct Totals {
    std::size_t completed = 0;
    std::size_t failed = 0;
    std::size_t cancelled = 0;
    std::int64_t busy_ns = 0;
    std::int64_t cpu_ns = 0;

    Totals& operator+=(const Totals& other) noexcept;
  };

  explicit Worker(ThreadPool& pool) : pool_(pool) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // The calling thread's worker, if it is one of pool's.
  static Worker* of_this_thread(const ThreadPool& pool) noexcept;

  // The thread's work, from its first task to its end. The thread keeps pool and worker alive.
  static void run(const std::shared_ptr<ThreadPool>& pool, const std::shared_ptr<Worker>& worker);

  // Runs a task that was taken out of a queue, if nobody claimed or cancelled it.
  void run_one(CellRef task);

  bool help(Cell& awaited) override;
  void before_sleep() noexcept override;
  void after_sleep() noexcept override;

 private:
  friend class ThreadPool;

  // A task that this worker submitted, numbered in the order of submission.
  struct OwnTask {
    CellRef task;
    std::uint64_t number;
  };

  void work();
  void run_started(Cell& task);
  bool has_stack_room() const;
  CellRef newest_descendant();
  void forget_claimed(const Cell& task);
  void wake() noexcept;
  void park() noexcept;
  void begin_busy() noexcept;
  void end_busy() noexcept;

  // Under the pool's lock, and while the thread exists.
  Totals totals() const noexcept;

  ThreadPool& pool_;

  // Guarded by the pool's lock. Thieves and the worker itself take the oldest; a worker that waits
  // takes the newest, but none that is older than the task that waits.
  std::deque<OwnTask> own_;
  threading::Thread thread_;
  bool coming_ = true;               // counted in the pool's coming_
  std::optional<pthread_t> handle_;  // set once the thread runs

  // Only this worker's thread.
  std::uint64_t next_number_ = 0;
  std::uint64_t first_descendant_ = 0;  // number of the first task that the running one submitted
  std::size_t depth_ = 0;               // tasks on this stack, one inside the other
  std::size_t looks_ = 0;               // for tasks, under the pool's lock

  // The word the idle worker sleeps on: 1 when woken.
  atomic<std::uint32_t> signal_{0};

  // Written by this worker's thread, read by stats(): relaxed, they say nothing but themselves.
  TaskCounts counts_;
  atomic<std::int64_t> busy_ns_{0};
  atomic<std::int64_t> busy_since_ns_{0};  // 0 when idle
};

}  // namespace coeval::detail
