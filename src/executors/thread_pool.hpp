// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ThreadPool: the backend of ThreadPoolExecutor. One lock guards what tasks wait, which workers
// exist and who is idle; a worker runs its tasks outside of it.
//
// The rooms: thread_pool.cpp takes tasks in and tells what goes on, pool_workers.cpp starts, parks
// and ends threads, worker.cpp is what each thread does, and how it helps while it waits.
//
// Invariants, all under lock_:
//  1. A task is in queue_, in one worker's own tasks, or with the worker that took it out.
//  2. While a task waits, a worker is coming (woken or started, and not yet looking for a task),
//     unless no worker is idle and the pool has as many threads as it may, all of them in tasks. A
//     worker that takes a task and leaves others provides the next one before it runs its own.
//  3. No thread is started while as many as max_workers are not asleep in a wait. After sleepers
//     woke up there may be more; a worker that finds it so when it looks for a task ends.

#include "executors/task_queue.hpp"
#include "executors/task_timer.hpp"
#include "executors/worker.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/threading/condition.hpp>
#include <coeval/threading/lock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace coeval::detail {

class ThreadPool final : public ExecutorBackend, public std::enable_shared_from_this<ThreadPool> {
 public:
  ThreadPool(ThreadPoolOptions options, std::function<void()> initializer);
  ~ThreadPool() override;

  void enqueue(CellRef task, const WhenFull* when_full) override COEVAL_EXCLUDES(lock_);
  void shutdown(const ShutdownOptions& options) override COEVAL_EXCLUDES(lock_);
  ExecutorStats stats() const override COEVAL_EXCLUDES(lock_);
  std::size_t max_workers() const noexcept override { return max_workers_; }

 private:
  friend class Worker;

  // ---- tasks: thread_pool.cpp
  void refuse_if_closed() const COEVAL_REQUIRES(lock_);
  // The tasks that free workers are about to take do not count as waiting.
  bool is_full() const COEVAL_REQUIRES(lock_) {
    const std::size_t in_tasks = workers_.size() - asleep_ - idle_.size() - coming_ - initializing_;
    const std::size_t free = max_workers_ - std::min(max_workers_, in_tasks);
    return max_queue_ != 0 && queued() >= max_queue_ + free;
  }
  std::size_t queued() const COEVAL_REQUIRES(lock_) { return queue_.size() + own_tasks_; }
  // A task left the queues.
  void note_room() COEVAL_REQUIRES(lock_) {
    if (max_queue_ != 0) {
      room_.notify();
    }
  }
  void put(CellRef task) COEVAL_REQUIRES(lock_);
  std::vector<CellRef> take_all() COEVAL_REQUIRES(lock_);
  void run_in_caller(const CellRef& task) COEVAL_EXCLUDES(lock_);

  // ---- workers: pool_workers.cpp
  // Sees to invariant 2: an idle worker, which the caller is to wake(), or null after it has
  // started a thread or found that there are enough. Raises std::system_error if a thread cannot be
  // started.
  Worker* provide_worker() COEVAL_REQUIRES(lock_);
  // The same, where it does not matter: the threads there are will do.
  Worker* provide_worker_if_possible() noexcept COEVAL_REQUIRES(lock_);
  bool may_start_thread() const COEVAL_REQUIRES(lock_);
  void start_worker() COEVAL_REQUIRES(lock_);
  // Calls the initializer in a new worker's thread; false, and the pool is broken, if it raises.
  bool initialize(Worker& worker) COEVAL_EXCLUDES(lock_);
  CellRef next_task(Worker& worker) COEVAL_EXCLUDES(lock_);
  void note_arrival(Worker& worker) COEVAL_REQUIRES(lock_);
  CellRef take_task(Worker& worker) COEVAL_REQUIRES(lock_);
  CellRef take_own(Worker& worker) COEVAL_REQUIRES(lock_);
  bool must_end() const COEVAL_REQUIRES(lock_);
  void remove_worker(Worker& worker) noexcept COEVAL_EXCLUDES(lock_);
  void break_pool(const std::exception_ptr& cause) noexcept COEVAL_EXCLUDES(lock_);
  void wake_all_idle() COEVAL_REQUIRES(lock_);
  void join_workers() COEVAL_EXCLUDES(lock_);

  const std::string name_;  // of the pool, and the prefix of its threads' names
  const std::size_t max_workers_;
  const std::size_t max_queue_;
  const WhenFull when_full_;
  const std::function<void()> initializer_;
  TaskTimer timer_;

  mutable threading::Lock lock_;
  threading::Condition room_{lock_};  // the queue is no longer full, or the pool is closed
  TaskQueue queue_ COEVAL_GUARDED_BY(lock_);
  std::size_t own_tasks_ COEVAL_GUARDED_BY(lock_) = 0;  // in the workers' own queues, together
  // Of both, those that a worker which waited has begun. Below zero for a moment when such a task
  // left the queue before its claim was counted.
  std::ptrdiff_t claimed_ COEVAL_GUARDED_BY(lock_) = 0;

  std::vector<std::shared_ptr<Worker>> workers_ COEVAL_GUARDED_BY(lock_);  // that were started
  std::vector<Worker*> idle_ COEVAL_GUARDED_BY(lock_);  // the one that parked last is woken first
  std::vector<threading::Thread> ended_ COEVAL_GUARDED_BY(lock_);  // to be joined
  std::size_t asleep_ COEVAL_GUARDED_BY(lock_) = 0;                // in a wait of a task
  std::size_t coming_ COEVAL_GUARDED_BY(lock_) = 0;  // woken or started, not looking for a task yet
  std::size_t initializing_ COEVAL_GUARDED_BY(lock_) = 0;  // in their initializer
  std::size_t made_ COEVAL_GUARDED_BY(lock_) = 0;          // threads ever, for their names
  std::size_t steal_from_ COEVAL_GUARDED_BY(lock_) = 0;

  bool closed_ COEVAL_GUARDED_BY(lock_) = false;
  std::exception_ptr broken_ COEVAL_GUARDED_BY(lock_);

  std::size_t submitted_ COEVAL_GUARDED_BY(lock_) = 0;
  // Of tasks that no worker ran: in the caller, failed or cancelled in the queue.
  TaskCounts counts_;
  Worker::Totals ended_totals_ COEVAL_GUARDED_BY(lock_);  // of workers that are gone
};

// Has a pool shut down at process exit if it is still alive then.
void shut_down_at_exit(const std::shared_ptr<ThreadPool>& pool);

}  // namespace coeval::detail
