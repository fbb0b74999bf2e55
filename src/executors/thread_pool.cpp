// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/thread_pool.hpp"

#include <coeval/core/cpu.hpp>
#include <coeval/core/errors.hpp>
#include <coeval/core/hooks.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace coeval::detail {
namespace {

std::size_t checked_workers(const std::optional<int>& wanted) {
  if (!wanted) {
    return static_cast<std::size_t>(std::min(32, process_cpu_count() + 4));
  }
  if (*wanted <= 0) {
    throw ValueError(
        fmt::format("coeval::ThreadPoolExecutor: max_workers must be at least 1, not {}", *wanted));
  }
  return static_cast<std::size_t>(*wanted);
}

std::string name_or_default(std::string prefix) {
  static atomic<unsigned> pools{0};  // counts, and orders nothing: relaxed
  if (!prefix.empty()) {
    return prefix;
  }
  return fmt::format("ThreadPoolExecutor-{}", pools.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace

ThreadPool::ThreadPool(ThreadPoolOptions options, std::function<void()> initializer)
    : name_(name_or_default(std::move(options.thread_name_prefix))),
      max_workers_(checked_workers(options.max_workers)),
      max_queue_(options.max_queue),
      when_full_(options.when_full),
      initializer_(std::move(initializer)),
      timer_(name_ + "_timer") {}

ThreadPool::~ThreadPool() = default;

void ThreadPool::enqueue(CellRef task, const WhenFull* when_full) {
  const WhenFull rule = when_full != nullptr ? *when_full : when_full_;
  const bool on_own_worker = Worker::of_this_thread(*this) != nullptr;
  // Their ends take locks or time: after the guard.
  std::vector<threading::Thread> ended;
  std::optional<SleepNotice> sleep;
  threading::Guard guard(lock_);
  refuse_if_closed();
  while (is_full()) {
    if (rule == WhenFull::fail) {
      throw QueueFull(
          fmt::format("the queue of pool '{}' is full: {} tasks wait", name_, queued()));
    }
    // A worker that waited for room in its own pool might wait for itself.
    if (rule == WhenFull::run_in_caller || on_own_worker) {
      ++submitted_;
      guard.unlock();
      run_in_caller(task);
      return;
    }
    if (!sleep) {
      guard.unlock();
      sleep.emplace();
      guard.lock();
    } else {
      room_.wait();
    }
    refuse_if_closed();
  }
  ended.swap(ended_);
  Cell& cell = *task;
  put(CellRef(cell));
  Worker* idle = nullptr;
  try {
    idle = provide_worker();
  } catch (...) {
    // The threads there are will run it; without any it is given back to the caller.
    if (workers_.empty() && queue_.remove(cell)) {
      throw;
    }
  }
  ++submitted_;
  guard.unlock();
  if (idle != nullptr) {
    idle->wake();
  }
}

void ThreadPool::refuse_if_closed() const {
  if (broken_ != nullptr) {
    std::rethrow_exception(broken_);
  }
  if (closed_) {
    throw RuntimeError(
        fmt::format("cannot schedule new futures after shutdown of pool '{}'", name_));
  }
}

void ThreadPool::put(CellRef task) {
  Cell& cell = *task;
  Worker* const worker = Worker::of_this_thread(*this);
  if (worker != nullptr && cell.priority() == 0) {
    worker->own_.push_back({std::move(task), worker->next_number_});
    ++worker->next_number_;
    ++own_tasks_;
  } else {
    queue_.push(std::move(task));
  }
  cell.set_host(this);
  observe({.event = TaskEvent::submit, .task = &cell, .name = cell.name(), .executor = name_});
}

std::vector<CellRef> ThreadPool::take_all() {
  std::vector<CellRef> all;
  all.reserve(queued());
  while (CellRef task = queue_.pop()) {
    all.push_back(std::move(task));
  }
  for (const auto& worker : workers_) {
    while (CellRef task = take_own(*worker)) {
      all.push_back(std::move(task));
    }
  }
  return all;
}

void ThreadPool::run_in_caller(const CellRef& task) {
  observe(
      {.event = TaskEvent::submit, .task = task.get(), .name = task->name(), .executor = name_});
  if (task->try_start()) {
    run_task(*task, timer_, name_, counts_);
  } else {
    counts_.count_cancelled();
  }
}

void ThreadPool::shutdown(const ShutdownOptions& options) {
  std::vector<CellRef> dropped;
  {
    const threading::Guard guard(lock_);
    closed_ = true;
    if (options.cancel_futures) {
      dropped = take_all();
    }
    wake_all_idle();
    room_.notify_all();
  }
  if (!dropped.empty()) {
    std::ptrdiff_t claimed = 0;
    for (const CellRef& task : std::exchange(dropped, {})) {
      if (task->cancel()) {
        counts_.count_cancelled();
      } else {
        ++claimed;
      }
    }
    const threading::Guard guard(lock_);
    claimed_ -= claimed;
  }
  if (options.wait) {
    join_workers();
  }
}

ExecutorStats ThreadPool::stats() const {
  const threading::Guard guard(lock_);
  Worker::Totals totals = ended_totals_;
  for (const auto& worker : workers_) {
    totals += worker->totals();
  }
  ExecutorStats stats;
  stats.name = name_;
  stats.max_workers = max_workers_;
  stats.workers = workers_.size();
  stats.idle_workers = idle_.size();
  const std::ptrdiff_t waiting = static_cast<std::ptrdiff_t>(queued()) - claimed_;
  stats.queued = static_cast<std::size_t>(std::max<std::ptrdiff_t>(waiting, 0));
  stats.submitted = submitted_;
  stats.completed = totals.completed + counts_.completed();
  stats.failed = totals.failed + counts_.failed();
  stats.cancelled = totals.cancelled + counts_.cancelled();
  const std::size_t ended = stats.completed + stats.failed + stats.cancelled;
  const std::size_t begun = submitted_ - std::min(submitted_, stats.queued);
  stats.running = begun - std::min(begun, ended);
  stats.busy_time = std::chrono::nanoseconds(totals.busy_ns);
  stats.cpu_time = std::chrono::nanoseconds(totals.cpu_ns);
  return stats;
}

}  // namespace coeval::detail
