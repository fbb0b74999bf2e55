// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "executors/common/task_timer.hpp"

#include <coeval/core/atomic.hpp>
#include <coeval/futures/detail/cell.hpp>

#include <cstddef>
#include <exception>
#include <string_view>

namespace coeval::detail {

// How many tasks were submitted, and came to which end. Relaxed: the numbers say nothing but
// themselves. Written by many threads, or by the one thread of a lane, for which an addition is no
// atomic step.
enum class Writers { many, one };

template <Writers writers>
class TaskCounters {
 public:
  void count_submitted() noexcept { add(submitted_); }
  void take_back_submitted() noexcept { submitted_.fetch_sub(1, std::memory_order_relaxed); }
  void count(Ran ran) noexcept { add(ran == Ran::returned ? completed_ : failed_); }
  void count_cancelled(std::size_t tasks = 1) noexcept { add(cancelled_, tasks); }
  void count_failed(std::size_t tasks) noexcept { add(failed_, tasks); }

  std::size_t submitted() const noexcept { return submitted_.load(std::memory_order_relaxed); }
  std::size_t completed() const noexcept { return completed_.load(std::memory_order_relaxed); }
  std::size_t failed() const noexcept { return failed_.load(std::memory_order_relaxed); }
  std::size_t cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }

 private:
  static void add(atomic<std::size_t>& counter, std::size_t tasks = 1) noexcept {
    if constexpr (writers == Writers::many) {
      counter.fetch_add(tasks, std::memory_order_relaxed);
    } else {
      counter.store(counter.load(std::memory_order_relaxed) + tasks, std::memory_order_relaxed);
    }
  }

  atomic<std::size_t> submitted_{0};
  atomic<std::size_t> completed_{0};
  atomic<std::size_t> failed_{0};
  atomic<std::size_t> cancelled_{0};
};

using TaskCounts = TaskCounters<Writers::many>;
using OwnerCounts = TaskCounters<Writers::one>;

// Runs a task that the caller has started: starts its clock, calls the function, counts, tells the
// observer, and only then completes the future. Raises only forced unwinding (pthread_exit), after
// all of it.
void run_task(Cell& task, TaskTimer& timer, std::string_view executor, TaskCounts& counts);
void run_task(Cell& task, TaskTimer& timer, std::string_view executor, OwnerCounts& counts);

// Fails a task that has not begun: counts, tells the observer, completes the future. False if it is
// done or running.
bool fail_task(Cell& task, const std::exception_ptr& error, std::string_view executor,
               TaskCounts& counts) noexcept;

}  // namespace coeval::detail
