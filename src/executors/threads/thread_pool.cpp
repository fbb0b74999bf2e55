// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/threads/thread_pool.hpp"

#include "executors/common/occupied.hpp"
#include "executors/common/run_task.hpp"
#include "futures/spin.hpp"
#include "threading/orphans.hpp"
#include "threading/stack_size.hpp"

#include <coeval/core/cpu.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace coeval::detail {
namespace {

std::size_t checked_workers(const std::optional<int>& wanted, int cpus) {
  if (!wanted) {
    return static_cast<std::size_t>(std::min(32, cpus + 4));
  }
  if (*wanted <= 0) {
    throw ValueError(
        fmt::format("coeval::ThreadPoolExecutor: max_workers must be at least 1, not {}", *wanted));
  }
  return static_cast<std::size_t>(*wanted);
}

std::string prefix_or_default(std::string prefix) {
  static atomic<unsigned> pools{0};  // counts, and orders nothing: relaxed
  if (!prefix.empty()) {
    return prefix;
  }
  return fmt::format("ThreadPoolExecutor-{}", pools.fetch_add(1, std::memory_order_relaxed));
}

// A pool of one worker keeps the order of all submitters together; with more there is none between
// the tasks of different threads.
std::size_t shards_for(std::size_t workers) {
  return workers == 1 ? 1 : 4;
}

void tell_submitted(const Cell& task, std::string_view pool) noexcept {
  if (is_observed()) [[unlikely]] {
    observe({.event = TaskEvent::submit, .task = &task, .name = task.name(), .executor = pool});
  }
}

}  // namespace

ThreadPool::ThreadPool(ThreadPoolOptions options, std::function<void()> initializer)
    : ThreadPool(std::move(options), std::move(initializer), usable_cpu_count()) {}

ThreadPool::ThreadPool(ThreadPoolOptions options, std::function<void()> initializer, int cpus)
    : name_(prefix_or_default(std::move(options.thread_name_prefix))),
      max_workers_(checked_workers(options.max_workers, cpus)),
      max_occupied_(most_occupied(options.max_queue, max_workers_)),
      when_full_(options.when_full),
      initializer_(std::move(initializer)),
      stack_size_(options.stack_size),
      pinned_to_(options.pin_workers ? process_cpus() : std::vector<int>()),
      spin_ns_(spin_time_ns(cpus)),
      most_spinning_(static_cast<std::uint32_t>(std::max(1, cpus / 2))),
      timer_(name_ + "_timer"),
      injector_(shards_for(max_workers_)),
      lanes_(std::min(max_workers_, most_threads) + most_spare_threads + most_guests) {
  threading::detail::require_stack_size(stack_size_, "coeval::ThreadPoolExecutor");
  threading::detail::join_orphans();  // such as workers that destroyed their pool
}

// Tasks are left only if there was no thread to run them.
ThreadPool::~ThreadPool() {
  drop_all();
}

void ThreadPool::enqueue(CellRef task, const WhenFull* when_full) {
  refuse_if_closed();
  if (max_occupied_ != 0 && !admit(when_full)) {
    run_in_caller(task);
    return;
  }
  Cell& cell = *task;
  cell.set_host(this);
  tell_submitted(cell, name_);
  Queued queued = Queued::of(cell);
  try {
    put(cell);
  } catch (...) {
    if (max_occupied_ != 0) {
      leave_bound();
    }
    throw;
  }
  const bool answered = take_answer();
  if (needs_worker() && !(answered && search_begins_soon())) {
    provide_for({&queued, 1});
  } else if (searching_.load(std::memory_order_relaxed) >=
             (answered ? one_searching : one_spinning)) {
    expect_soon(cell);
  }
  task.release();  // it is the queue's now
}

// For a task that is in a queue, by a thread whose last one has just ended: its worker will search in
// a moment, and to wake another would take a hundred times as long.
bool ThreadPool::search_begins_soon() const noexcept {
  constexpr int looks = 4;
  for (int i = 0; i < looks; ++i) {
    spin_pause();
    if (!needs_worker()) {
      return true;
    }
  }
  return false;
}

void ThreadPool::enqueue_all(std::span<CellRef> tasks) {
  const auto plain = [](const CellRef& task) { return task->priority() == 0; };
  if (tasks.empty() || max_occupied_ != 0 || Worker::of_this_thread(*this) != nullptr ||
      !std::ranges::all_of(tasks, plain)) {
    ExecutorBackend::enqueue_all(tasks);
    return;
  }
  refuse_if_closed();
  std::vector<Queued> all;
  all.reserve(tasks.size());
  for (const CellRef& task : tasks) {
    task->set_host(this);
    tell_submitted(*task, name_);
    all.push_back(Queued::of(*task));
  }
  if (!injector_.push(all)) {
    refuse();
  }
  // Those that are in the queue belong to it.
  const auto release_queued = [&] {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (all[i]) {
        tasks[i].release();
      }
    }
  };
  if (needs_worker()) {
    try {
      provide_for(all);
    } catch (...) {
      release_queued();
      throw;
    }
  }
  release_queued();
}

// The injector closes a moment before the pool counts as closed.
void ThreadPool::refuse() const {
  const threading::Guard guard(lock_);
  if (broken_ != nullptr) {
    std::rethrow_exception(broken_);
  }
  throw RuntimeError(fmt::format("cannot schedule new futures after shutdown of pool '{}'", name_));
}

// Takes a place in a bounded queue. False: the task is to run in the caller.
bool ThreadPool::admit(const WhenFull* when_full) {
  const WhenFull rule = when_full != nullptr ? *when_full : when_full_;
  std::optional<SleepNotice> sleep;  // its end takes the lock: after the guard
  threading::Guard guard(lock_);
  while (occupied_ >= max_occupied_) {
    if (rule == WhenFull::fail) {
      throw QueueFull(
          fmt::format("the queue of pool '{}' is full: {} tasks wait", name_, queued()));
    }
    // A worker that waited for room in its own pool might wait for itself.
    if (rule == WhenFull::run_in_caller || Worker::of_this_thread(*this) != nullptr) {
      return false;
    }
    if (!sleep) {
      guard.unlock();
      sleep.emplace();
      guard.lock();
    } else {
      room_.wait();
    }
    if (is(closed)) {
      guard.unlock();
      refuse();
    }
  }
  ++occupied_;
  return true;
}

// A task that had a place is gone from the queue, and from its worker.
void ThreadPool::leave_bound() noexcept {
  const threading::Guard guard(lock_);
  --occupied_;
  room_.notify();
}

// The queue takes the caller's reference over, unless this raises.
void ThreadPool::put(Cell& task) {
  const Queued queued = Queued::of(task);
  if (task.priority() != 0) [[unlikely]] {
    put_by_priority(task);
  } else if (Worker* const worker = Worker::of_this_thread(*this)) {
    worker->lane_.deque.push(queued);
    worker->lane_.counts.count_submitted();
  } else if (!injector_.push({&queued, 1})) {
    refuse();
  }
}

void ThreadPool::put_by_priority(Cell& task) {
  threading::Guard guard(lock_);
  if (is(closed)) {
    guard.unlock();
    refuse();
  }
  levels_.push(Queued::of(task), task.priority());
  counts_.count_submitted();
  (task.priority() > 0 ? urgent_ : low_).fetch_add(1, std::memory_order_seq_cst);  // invariant 2
}

// Invariant 2 for tasks that were put in a queue a moment ago. If there is no thread and none can
// be started they are taken out again, which leaves nothing in their place, and this raises
// std::system_error.
void ThreadPool::provide_for(std::span<Queued> tasks) {
  std::vector<threading::Thread> ended;  // their ends take time: after the guard
  threading::Guard guard(lock_);
  ended.swap(ended_);
  Worker* idle = nullptr;
  try {
    idle = provide_worker();
  } catch (...) {
    if (workers_.empty() && take_back(tasks)) {
      guard.unlock();
      throw;
    }
  }
  guard.unlock();
  if (idle != nullptr) {
    idle->wake();
  }
}

// False if they are gone, by a shutdown that dropped them.
bool ThreadPool::take_back(std::span<Queued> tasks) {
  bool any = false;
  for (Queued& task : tasks) {
    const int priority = task.is_fork() ? 0 : task.priority();
    if (priority == 0 ? !injector_.remove(task) : !levels_.remove(task, priority)) {
      continue;
    }
    if (priority != 0) {
      (priority > 0 ? urgent_ : low_).fetch_sub(1, std::memory_order_relaxed);
      counts_.take_back_submitted();
    }
    if (max_occupied_ != 0 && !task.is_fork()) {
      --occupied_;
    }
    task = {};
    any = true;
  }
  return any;
}

Lane* ThreadPool::admit_guest() {
  if (guests_.fetch_add(1, std::memory_order_relaxed) < most_guests) {
    try {
      return lanes_.acquire();  // there is one for each guest
    } catch (...) {
      guests_.fetch_sub(1, std::memory_order_relaxed);
      throw;
    }
  }
  guests_.fetch_sub(1, std::memory_order_relaxed);
  return nullptr;
}

void ThreadPool::dismiss_guest(Lane& lane) noexcept {
  lanes_.release(lane);
  guests_.fetch_sub(1, std::memory_order_relaxed);
}

void ThreadPool::put_fork(ForkedTask& child) {
  Queued queued(child);
  if (!injector_.push({&queued, 1})) {
    refuse();
  }
  if (needs_worker()) {
    provide_for({&queued, 1});
  }
}

void ThreadPool::run_in_caller(const CellRef& task) {
  counts_.count_submitted();
  tell_submitted(*task, name_);
  if (task->try_start()) {
    run_task(*task, timer_, name_, counts_);
  } else {
    counts_.count_cancelled();
  }
}

void ThreadPool::shutdown(const ShutdownOptions& options) {
  injector_.close();
  {
    const threading::Guard guard(lock_);
    // Release: invariant 5.
    state_.fetch_or(options.cancel_futures ? closed | dropping : closed, std::memory_order_acq_rel);
    wake_all_idle();
    room_.notify_all();
  }
  if (options.cancel_futures) {
    drop_all();
  }
  if (options.wait) {
    join_workers();
  }
}

std::size_t ThreadPool::queued() const noexcept {
  std::size_t queued = injector_.size() + urgent_.load(std::memory_order_relaxed) +
                       low_.load(std::memory_order_relaxed);
  for (std::size_t i = 0, end = lanes_.count(); i < end; ++i) {
    queued += lanes_[i].deque.size();
  }
  return queued;
}

ExecutorStats ThreadPool::stats() const {
  const threading::Guard guard(lock_);
  ExecutorStats stats;
  stats.name = name_;
  stats.max_workers = max_workers_;
  stats.workers = workers_.size();
  stats.idle_workers = idle_.size();
  const auto add = [&stats](const auto& counts) {
    stats.completed += counts.completed();
    stats.failed += counts.failed();
    stats.cancelled += counts.cancelled();
    stats.submitted += counts.submitted();
  };
  // The ends before the beginnings: a task is never seen to end without having been submitted.
  add(counts_);
  for (std::size_t i = 0, end = lanes_.count(); i < end; ++i) {
    add(lanes_[i].counts);
  }
  const std::ptrdiff_t waiting = static_cast<std::ptrdiff_t>(queued()) -
                                 claimed_.load(std::memory_order_relaxed) +
                                 waiting_parts_.load(std::memory_order_relaxed);
  stats.queued = static_cast<std::size_t>(std::max<std::ptrdiff_t>(waiting, 0));
  stats.submitted +=
      injector_.pushed() + static_cast<std::size_t>(chunk_parts_.load(std::memory_order_relaxed));
  const std::size_t ended = stats.completed + stats.failed + stats.cancelled;
  const std::size_t begun = stats.submitted - std::min(stats.submitted, stats.queued);
  stats.running = begun - std::min(begun, ended);
  Worker::Times times = ended_times_;
  for (const auto& worker : workers_) {
    times += worker->times();
  }
  stats.busy_time = std::chrono::nanoseconds(times.busy_ns);
  stats.cpu_time = std::chrono::nanoseconds(times.cpu_ns);
  return stats;
}

}  // namespace coeval::detail
