// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ProcessPool: the backend of ProcessPoolExecutor. It keeps the tasks in its own memory and hands
// each worker a few ahead, more when they are short; results are collected by the threads that wait
// for them and by the pool's own, the manager, which also starts workers and buries the dead.

#include "core/oom_kills.hpp"
#include "executors/processes/exchange/setup.hpp"
#include "executors/processes/pool/process_worker.hpp"
#include "executors/processes/pool/task_list.hpp"
#include "multiprocessing/channels/bell.hpp"

#include <coeval/core/annotations.hpp>
#include <coeval/core/atomic.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/detail/backend.hpp>
#include <coeval/threading/condition.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/thread.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coeval::detail {

// Invariants, of what lock_ guards:
//  1. A task that is not done is in queue_, or posted in one worker, or ended there and in the hands
//     of the thread that collects; a cell in queue_ whose place is not queued was withdrawn.
//  2. A cell stays pending until its worker has begun, as its claim says; so it is cancelled only
//     after it was withdrawn, which the claim refuses to a task that has begun.
//  3. Whoever ends or takes away tasks of a worker, other than the worker itself, wakes the threads
//     that wait at it.
class ProcessPool final : public ExecutorBackend, public std::enable_shared_from_this<ProcessPool> {
 public:
  ProcessPool(ProcessPoolOptions options, pickle::Parcel initializer);
  ~ProcessPool() override;

  void enqueue(CellRef task, const WhenFull* when_full) override;
  void shutdown(const ShutdownOptions& options) override;
  // A shutdown that waits, whichever thread ends the process.
  void shut_down_at_exit();
  ExecutorStats stats() const override;
  std::size_t max_workers() const noexcept override { return max_workers_; }
  ProcessPool* process_pool() noexcept override { return this; }
  const MapPace* map_pace() const noexcept override { return &map_pace_; }

  const std::shared_ptr<BufferStore>& buffers() const noexcept { return buffers_; }

  // Once, by who makes the pool, and before anything else is called: the manager inherits what Linux
  // keeps by thread (seccomp filters, namespaces, affinity …), and so do the workers that it starts.
  // Errors: std::system_error.
  void start_manager() COEVAL_EXCLUDES(lock_);

  // A shutdown that does not wait, and ends what runs as Future::stop() does, but whatever it does:
  // a task that does not heed its stop_token is ended by SIGTERM after the grace, and a process in
  // its initializer is killed.
  void terminate() COEVAL_EXCLUDES(lock_);

  // For its tasks.
  bool withdraw(ProcessTask& task) noexcept COEVAL_EXCLUDES(lock_);
  void note_start(ProcessTask& task) noexcept COEVAL_EXCLUDES(lock_);
  void help_along(ProcessTask& task, Deadline deadline) COEVAL_EXCLUDES(lock_);
  void ask_to_stop(ProcessTask& task, bool may_kill) noexcept COEVAL_EXCLUDES(lock_);
  void was_cancelled(ProcessTask& task) noexcept COEVAL_EXCLUDES(lock_);
  // Cancels that element of a chunk that has begun, and those behind it, if they have not.
  bool withdraw_part(ChunkTask& chunk, std::uint32_t element) noexcept COEVAL_EXCLUDES(lock_);
  // Whether nothing counts the tasks one by one.
  bool takes_chunks() const noexcept { return max_occupied_ == 0 && !options_.max_tasks_per_child; }

 private:
  using Worker = std::shared_ptr<ProcessWorker>;

  // process_pool.cpp: what callers do.
  void refuse_if_forked() const;
  void refuse_if_closed() const COEVAL_REQUIRES(lock_);
  bool admit(const WhenFull* when_full) COEVAL_EXCLUDES(lock_);
  void leave_bound() noexcept COEVAL_REQUIRES(lock_);
  void push(CellRef cell) COEVAL_REQUIRES(lock_);
  void give_back(CellRef cell) noexcept COEVAL_REQUIRES(lock_);
  void is_queued(ProcessTask& task) noexcept COEVAL_REQUIRES(lock_);
  void run_here(ProcessTask& task) COEVAL_EXCLUDES(lock_);
  void wait_at(ProcessWorker& worker, ProcessTask& task, Deadline deadline) COEVAL_EXCLUDES(lock_);
  void stop_waiting(ProcessWorker& worker) noexcept COEVAL_EXCLUDES(lock_);
  void drop_queued() noexcept COEVAL_EXCLUDES(lock_);
  void end_unstarted(Cell& cell) noexcept COEVAL_EXCLUDES(lock_);
  void ring() noexcept { bell_.ring(); }

  // process_dispatch.cpp: which worker gets what.
  void dispatch() noexcept COEVAL_REQUIRES(lock_);
  ProcessWorker* choose(bool is_timed) const noexcept COEVAL_REQUIRES(lock_);
  bool hand_over(ProcessWorker& worker, CellRef& cell, ProcessTask& task) noexcept
      COEVAL_REQUIRES(lock_);
  void balance(bool at_once) noexcept COEVAL_REQUIRES(lock_);
  static bool is_idle(const Worker& worker) noexcept;
  void watch_unbegun() noexcept COEVAL_REQUIRES(lock_);
  void end_silence() noexcept COEVAL_REQUIRES(lock_);
  void balance_later(const std::optional<Deadline>& running) noexcept COEVAL_REQUIRES(lock_);
  ChunkTask* cuttable_chunk() const noexcept COEVAL_REQUIRES(lock_);
  CellRef cut(ChunkTask& chunk) noexcept COEVAL_REQUIRES(lock_);
  void set_pace() noexcept COEVAL_REQUIRES(lock_);
  std::uint32_t window() const noexcept COEVAL_REQUIRES(lock_);
  bool tasks_are_tiny() const noexcept;
  void note_duration(std::int64_t wall_ns) noexcept COEVAL_REQUIRES(lock_);
  bool wants_worker() const noexcept COEVAL_REQUIRES(lock_);

  // process_collect.cpp: results.
  bool collect(ProcessWorker& worker, std::uint32_t own) COEVAL_EXCLUDES(lock_);
  void explain(const ProcessWorker& worker, std::vector<Ended>& ended) const noexcept
      COEVAL_EXCLUDES(lock_);
  void book(ProcessWorker& worker, std::vector<Ended>& ended) noexcept COEVAL_REQUIRES(lock_);
  void distrust(ProcessWorker& worker) noexcept COEVAL_REQUIRES(lock_);
  void count(const Ended& ended) noexcept COEVAL_REQUIRES(lock_);
  bool judge(ProcessWorker& worker, Ended& ended) const noexcept COEVAL_REQUIRES(lock_);
  void note_health(ProcessWorker& worker, const Ended& ended) noexcept COEVAL_REQUIRES(lock_);
  bool runs_again(const Ended& ended) noexcept COEVAL_REQUIRES(lock_);
  void finish(std::vector<Ended>& ended) noexcept COEVAL_EXCLUDES(lock_);
  void finish(Ended& ended) noexcept COEVAL_EXCLUDES(lock_);
  void finish_cell(Cell& cell, Ended& ended) noexcept COEVAL_EXCLUDES(lock_);
  static void call_here(ProcessTask& task);
  std::string timeout_text(const Cell& cell) const;

  // process_manager.cpp: the manager.
  void manage() COEVAL_EXCLUDES(lock_);
  bool manage_once(bool& lazy) COEVAL_EXCLUDES(lock_);
  void press_on() COEVAL_EXCLUDES(lock_);
  void fail_queued(const std::exception_ptr& error) noexcept COEVAL_REQUIRES(lock_);
  void fail_later(CellRef cell, const std::exception_ptr& error) noexcept COEVAL_REQUIRES(lock_);
  TaskList take_failures() noexcept COEVAL_REQUIRES(lock_);
  void finish(TaskList failures) noexcept COEVAL_EXCLUDES(lock_);
  Deadline ask_for_wakes(const std::vector<Worker>& workers, bool lazy, Deadline until)
      COEVAL_EXCLUDES(lock_);
  bool is_collected(const ProcessWorker& worker) const noexcept COEVAL_EXCLUDES(lock_);
  Deadline sleep_until() const noexcept COEVAL_REQUIRES(lock_);
  bool sleep(const std::vector<Worker>& workers, Deadline until) COEVAL_EXCLUDES(lock_);
  void receive_from(ProcessWorker& worker) COEVAL_EXCLUDES(lock_);
  void start_workers() COEVAL_EXCLUDES(lock_);
  void cannot_start(const std::exception_ptr& error) noexcept COEVAL_EXCLUDES(lock_);
  void retire_idle() noexcept COEVAL_REQUIRES(lock_);

  // process_pressing.cpp: tasks that run too long, or are to stop.
  void press_on_those_ending() noexcept COEVAL_REQUIRES(lock_);
  void begin_timeout(ProcessWorker& worker) noexcept COEVAL_REQUIRES(lock_);
  void press_on(ProcessWorker& worker) noexcept COEVAL_REQUIRES(lock_);
  void take_back_unstarted(ProcessWorker& worker) noexcept COEVAL_REQUIRES(lock_);
  void kill_soon(ProcessWorker& worker) noexcept COEVAL_REQUIRES(lock_);
  bool is_terminated() const noexcept COEVAL_EXCLUDES(lock_);
  void stop_running() noexcept COEVAL_REQUIRES(lock_);

  // process_endings.cpp: workers that die.
  void bury(const Worker& worker) COEVAL_EXCLUDES(lock_);
  bool begin_last_collecting(ProcessWorker& worker) noexcept COEVAL_EXCLUDES(lock_);
  struct Burial;
  void tell_end(ProcessWorker& worker, Burial& burial) COEVAL_EXCLUDES(lock_);
  void settle(ProcessWorker& worker, Burial& burial) noexcept COEVAL_REQUIRES(lock_);
  void settle_chunk(const ProcessWorker& worker, CellRef cell, Burial& burial) noexcept
      COEVAL_REQUIRES(lock_);
  void note_early_death(const ProcessWorker& worker, Burial& burial) noexcept
      COEVAL_REQUIRES(lock_);
  std::exception_ptr error_of(const ProcessWorker& worker, const ProcessTask& task,
                              const Cell& cell, bool was_ended,
                              const Burial& burial) const noexcept;
  template <class Reason>
  void break_pool(Reason reason) noexcept COEVAL_REQUIRES(lock_);
  void break_with(std::exception_ptr error) noexcept COEVAL_REQUIRES(lock_);
  void fail_all() noexcept COEVAL_REQUIRES(lock_);

  const std::string name_;
  const ProcessPoolOptions options_;
  const std::size_t max_workers_;
  const std::size_t max_occupied_;  // tasks that wait or run; 0: any number
  const WorkerSetup setup_;
  const std::shared_ptr<BufferStore> buffers_;
  const std::uint32_t forks_;  // tells a forked child from the process whose pool it is
  multiprocessing::detail::Bell bell_{"the manager of a process pool"};
  OomKills oom_kills_;  // of the manager
  MapPace map_pace_;

  mutable threading::Lock lock_;
  threading::Condition room_{lock_};   // in a bounded queue
  threading::Condition ended_{lock_};  // the manager has
  // By priority. One at least stays, however empty: see give_back().
  std::map<int, TaskList, std::greater<>> queue_ COEVAL_GUARDED_BY(lock_){};
  std::size_t queued_ COEVAL_GUARDED_BY(lock_) = 0;  // without those that were withdrawn
  TaskList failures_ COEVAL_GUARDED_BY(lock_);       // for the manager to finish
  std::vector<Worker> workers_ COEVAL_GUARDED_BY(lock_);
  std::size_t made_ COEVAL_GUARDED_BY(lock_) = 0;
  std::size_t occupied_ COEVAL_GUARDED_BY(lock_) = 0;
  bool closed_ COEVAL_GUARDED_BY(lock_) = false;
  bool terminated_ COEVAL_GUARDED_BY(lock_) = false;
  bool managed_ COEVAL_GUARDED_BY(lock_) = false;  // the manager runs
  std::optional<threading::Thread> manager_ COEVAL_GUARDED_BY(lock_);
  std::exception_ptr broken_ COEVAL_GUARDED_BY(lock_);
  std::exception_ptr refused_signal_ COEVAL_GUARDED_BY(lock_);  // not told yet
  int deaths_in_a_row_ COEVAL_GUARDED_BY(lock_) = 0;            // before a first task
  Suspicion suspicion_ COEVAL_GUARDED_BY(lock_);
  std::optional<Deadline> start_again_ COEVAL_GUARDED_BY(lock_);
  std::optional<Deadline> balance_at_ COEVAL_GUARDED_BY(lock_);
  std::optional<Deadline> look_at_ COEVAL_GUARDED_BY(lock_);  // for silent workers
  // The time of a task in the mean; 0: unknown. Written under the lock; relaxed, as it is a hint.
  atomic<std::int64_t> mean_ns_{0};

  std::size_t submitted_ COEVAL_GUARDED_BY(lock_) = 0;
  std::size_t completed_ COEVAL_GUARDED_BY(lock_) = 0;
  std::size_t failed_ COEVAL_GUARDED_BY(lock_) = 0;
  std::size_t cancelled_ COEVAL_GUARDED_BY(lock_) = 0;
  std::int64_t busy_ns_ COEVAL_GUARDED_BY(lock_) = 0;
  std::int64_t cpu_ns_ COEVAL_GUARDED_BY(lock_) = 0;  // of workers that are gone
};

// The exception that make() returns; std::bad_alloc if there is no memory for it.
template <class Make>
std::exception_ptr error_or_bad_alloc(Make make) noexcept {
  try {
    return std::make_exception_ptr(make());
  } catch (...) {
    return std::current_exception();
  }
}

// How many forks lie between this process and the first one: a forked child has no pool of its
// parent's.
std::uint32_t forks();

}  // namespace coeval::detail
