// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ThreadPool: the backend of ThreadPoolExecutor.
//
// The rooms: thread_pool.cpp takes tasks in and tells what goes on, pool_search.cpp finds the next
// task of a worker, pool_chunks.cpp runs the chunks of maps, pool_workers.cpp starts, parks, wakes and
// ends threads, worker.cpp is what each thread does, and how it helps while it waits. Tasks wait in an Injector (from outside), in the
// WorkDeque of a Lane (from a worker, or a bundle that it took), or by priority in levels_.
//
// Handing a task over and taking one are free of lock_, which guards only who exists, sleeps and
// parks. Invariants:
//  1. A task is in one queue, or with the one who took it out.
//  2. While a task waits, a worker searches (searching_ > 0: it was started, woken or ran out of
//     tasks, and has not parked), unless no worker is idle and no thread may be started. For that,
//     whoever puts a task in a queue, by a sequentially consistent store, then reads searching_ and
//     may_provide_, and provides a worker if nobody searches and one can be had. Whoever stops
//     searching or makes a worker available changes them first and then looks at the queues. All of
//     these are sequentially consistent, so one of the two sees the other.
//  3. A worker that finds a task and was the only one that searched provides the next worker before
//     it runs the task, if there is more to do: so wakes come one at a time.
//  4. No thread is started while as many as max_workers are not asleep in a wait. After sleepers
//     woke up there may be more; a worker that finds it so when it looks for a task ends.
//  5. closed is set after the queues refuse tasks: who sees it and then finds them empty may end.

#include "executors/common/task_timer.hpp"
#include "executors/threads/injector.hpp"
#include "executors/threads/lane.hpp"
#include "executors/threads/task_queue.hpp"
#include "executors/threads/worker.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/executors/detail/map_tempo.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/detail/map_chunk.hpp>
#include <coeval/threading/condition.hpp>
#include <coeval/threading/lock.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace coeval::detail {

// Threads from outside that take part in joins at the same time; further ones only wait.
inline constexpr std::size_t most_guests = 64;

// More workers at a time than this there are never, whatever max_workers says.
inline constexpr std::size_t most_threads = 32'768;

// Threads beyond max_workers, in the place of those that sleep in a wait.
inline constexpr std::size_t most_spare_threads = 256;

class ThreadPool final : public ExecutorBackend, public std::enable_shared_from_this<ThreadPool> {
 public:
  ThreadPool(ThreadPoolOptions options, std::function<void()> initializer);
  ~ThreadPool() override;

  void enqueue(CellRef task, const WhenFull* when_full) override COEVAL_EXCLUDES(lock_);
  void enqueue_all(std::span<CellRef> tasks) override COEVAL_EXCLUDES(lock_);
  void shutdown(const ShutdownOptions& options) override COEVAL_EXCLUDES(lock_);
  void shut_down_at_exit() COEVAL_EXCLUDES(lock_) { shutdown({}); }
  ExecutorStats stats() const override COEVAL_EXCLUDES(lock_);
  std::size_t max_workers() const noexcept override { return max_workers_; }
  ThreadPool* thread_pool() noexcept override { return this; }
  bool is_bounded() const noexcept { return max_occupied_ != 0; }

  // As enqueue_all, for chunks, each of which counts as its elements.
  void enqueue_chunks(std::span<CellRef> chunks) COEVAL_EXCLUDES(lock_);
  // A worker has started it.
  void run_chunk(MapChunk& chunk, MapTempo& tempo, Lane& lane) COEVAL_EXCLUDES(lock_);

 private:
  friend class Worker;
  friend class ForkScope;

  // What state_ says, besides how the pool is used.
  static constexpr std::uint32_t closed = 1;    // takes no more tasks
  static constexpr std::uint32_t dropping = 2;  // what is found in a queue is not to run
  static constexpr std::uint32_t broken = 4;    // the initializer failed
  static constexpr std::uint32_t surplus = 8;   // more than max_workers are awake
  bool is(std::uint32_t flags) const noexcept {
    return (state_.load(std::memory_order_acquire) & flags) != 0;
  }

  ThreadPool(ThreadPoolOptions options, std::function<void()> initializer, int cpus);

  static constexpr std::uint32_t one_searching = 1;
  static constexpr std::uint32_t one_spinning = 1U << 16;

  // ---- tasks: thread_pool.cpp
  void refuse_if_closed() const COEVAL_EXCLUDES(lock_) {
    if (is(closed)) [[unlikely]] {
      refuse();
    }
  }
  [[noreturn]] void refuse() const COEVAL_EXCLUDES(lock_);
  bool admit(const WhenFull* when_full) COEVAL_EXCLUDES(lock_);
  void leave_bound() noexcept COEVAL_EXCLUDES(lock_);
  bool search_begins_soon() const noexcept;
  void put(Cell& task) COEVAL_EXCLUDES(lock_);
  void put_by_priority(Cell& task) COEVAL_EXCLUDES(lock_);
  void provide_for(std::span<Queued> tasks) COEVAL_EXCLUDES(lock_);
  bool take_back(std::span<Queued> tasks) COEVAL_REQUIRES(lock_);
  // A lane for a thread from outside; null when there are too many.
  Lane* admit_guest();
  void dismiss_guest(Lane& lane) noexcept;
  // For forked tasks, by threads without a lane.
  void put_fork(ForkedTask& child) COEVAL_EXCLUDES(lock_);
  void run_in_caller(const CellRef& task) COEVAL_EXCLUDES(lock_);
  std::size_t queued() const noexcept;

  // ---- the next task: pool_search.cpp
  Queued next_task(Worker& worker) COEVAL_EXCLUDES(lock_);
  Queued find_at_hand(Worker& worker) COEVAL_EXCLUDES(lock_);
  Queued find_anywhere(Worker& worker) COEVAL_EXCLUDES(lock_);
  Queued take_bundle(Worker& worker) noexcept;
  static void adapt_bundle(Worker& worker) noexcept;
  void pause_for_victim() const noexcept;
  Queued steal(Worker& worker) noexcept;
  static void keep_all_but_first(Worker& worker, std::span<const Queued> tasks) noexcept;
  Queued take_level(bool urgent) COEVAL_EXCLUDES(lock_);
  void begin_search(Worker& worker) noexcept;
  static std::uint32_t uncount(Worker& worker) noexcept;
  void end_search(Worker& worker) noexcept COEVAL_EXCLUDES(lock_);
  bool spin(Worker& worker) noexcept;
  bool begin_spin(Worker& worker) noexcept;
  bool has_work() const noexcept;
  bool is_to_drop(Queued task) const noexcept;
  void drop(Queued task) noexcept COEVAL_EXCLUDES(lock_);
  void drop_all() noexcept COEVAL_EXCLUDES(lock_);

  // ---- chunks of maps: pool_chunks.cpp
  static std::size_t tasks_in(Cell& cell) noexcept;
  void forget_waiting(std::size_t tasks) noexcept;
  void run_elements(MapChunk& chunk, Lane& lane) COEVAL_EXCLUDES(lock_);
  void drop_elements(MapChunk& chunk, const std::exception_ptr& error) noexcept;
  bool spread(MapChunk& chunk) noexcept COEVAL_EXCLUDES(lock_);
  bool look_at(MapChunk& chunk, MapTempo& tempo) noexcept COEVAL_EXCLUDES(lock_);

  // ---- workers: pool_workers.cpp
  // Invariant 2, for whoever has put a task in a queue.
  bool needs_worker() const noexcept {
    return searching_.load(std::memory_order_seq_cst) == 0 &&  // then none spins either
           may_provide_.load(std::memory_order_seq_cst);
  }
  // A worker begins to search unless one does: an idle one, which the caller is to wake(), or null
  // after it has started a thread or found that there are enough. Raises std::system_error if a
  // thread cannot be started.
  Worker* provide_worker() COEVAL_REQUIRES(lock_);
  // The same, where it does not matter: the threads there are will do.
  void provide_if_possible() noexcept COEVAL_EXCLUDES(lock_);
  bool may_start_thread() const COEVAL_REQUIRES(lock_);
  void note_change() noexcept COEVAL_REQUIRES(lock_);
  void start_worker() COEVAL_REQUIRES(lock_);
  void pin(const Worker& worker) noexcept;
  // Calls the initializer in a new worker's thread; false, and the pool is broken, if it raises.
  bool initialize(Worker& worker) COEVAL_EXCLUDES(lock_);
  void park(Worker& worker) COEVAL_EXCLUDES(lock_);
  bool must_end(Worker& worker) noexcept COEVAL_EXCLUDES(lock_);
  void note_asleep() noexcept COEVAL_EXCLUDES(lock_);
  void note_awake() noexcept COEVAL_EXCLUDES(lock_);
  void remove_worker(Worker& worker) noexcept COEVAL_EXCLUDES(lock_);
  bool has_no_worker() const noexcept COEVAL_EXCLUDES(lock_);
  void break_pool(const std::exception_ptr& cause) noexcept COEVAL_EXCLUDES(lock_);
  void wake_all_idle() COEVAL_REQUIRES(lock_);
  void join_workers() COEVAL_EXCLUDES(lock_);

  const std::string name_;  // of the pool, and the prefix of its threads' names
  const std::size_t max_workers_;
  const std::size_t max_occupied_;  // 0: no bound
  const WhenFull when_full_;
  const std::function<void()> initializer_;
  const std::size_t stack_size_;
  const std::vector<int> pinned_to_;  // processors, if the workers are to be pinned
  const std::int64_t spin_ns_;        // 0: never spins
  const std::uint32_t most_spinning_;
  TaskTimer timer_;
  Injector injector_;
  Lanes lanes_;

  // Read at each submit.
  // Workers that search, in the low half; those of them that spin, in the high half.
  alignas(64) atomic<std::uint32_t> searching_{0};
  atomic<bool> may_provide_{true};  // a worker is idle, or a thread may be started
  atomic<std::uint32_t> state_{0};  // release and acquire: invariant 5
  atomic<std::size_t> urgent_{0};   // tasks in levels_ with a priority above 0
  atomic<std::size_t> low_{0};      // and below
  // Tasks in the queues that a worker which waited has begun. Below zero for a moment when such a
  // task left its queue before its claim was counted. Relaxed, for stats().
  alignas(64) atomic<std::ptrdiff_t> claimed_{0};
  // How many tasks chunks are more than one each: of all, and of those in the queues. Relaxed, for
  // stats().
  atomic<std::ptrdiff_t> chunk_parts_{0};
  atomic<std::ptrdiff_t> waiting_parts_{0};
  atomic<std::size_t> guests_{0};          // relaxed: it only limits
  atomic<bool> warned_of_pinning_{false};  // relaxed: orders nothing

  mutable threading::Lock lock_;
  threading::Condition room_{lock_};           // the queue is no longer full, or the pool is closed
  TaskQueue levels_ COEVAL_GUARDED_BY(lock_);  // tasks of a priority other than 0
  // Of a bounded pool: tasks that wait, and workers in a task and not asleep.
  std::size_t occupied_ COEVAL_GUARDED_BY(lock_) = 0;

  std::vector<std::shared_ptr<Worker>> workers_ COEVAL_GUARDED_BY(lock_);  // that were started
  std::vector<Worker*> idle_ COEVAL_GUARDED_BY(lock_);  // the one that parked last is woken first
  std::vector<threading::Thread> ended_ COEVAL_GUARDED_BY(lock_);  // to be joined
  std::size_t asleep_ COEVAL_GUARDED_BY(lock_) = 0;                // in a wait of a task
  std::size_t ending_ COEVAL_GUARDED_BY(lock_) = 0;                // have decided to end
  std::size_t initializing_ COEVAL_GUARDED_BY(lock_) = 0;          // in their initializer
  std::size_t made_ COEVAL_GUARDED_BY(lock_) = 0;                  // threads ever, for their names
  std::exception_ptr broken_ COEVAL_GUARDED_BY(lock_);
  Worker::Times ended_times_ COEVAL_GUARDED_BY(lock_);  // of workers that are gone

  // Of tasks that no worker ran, and that did not come through the injector or a lane.
  TaskCounts counts_;
};

}  // namespace coeval::detail
