// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/export.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace coeval {

// executor.shutdown({.wait = false, .cancel_futures = true}).
struct ShutdownOptions {
  // Return only when every task has ended and every worker is gone.
  bool wait = true;

  // Cancel the tasks that have not begun, instead of running them.
  bool cancel_futures = false;
};

// What submit does when the queue holds max_queue tasks.
enum class WhenFull {
  block,          // wait for room; a worker of the same pool runs the task itself
  fail,           // raise QueueFull
  run_in_caller,  // run the task in the thread that submits it
};

// Figures of an executor since its construction; each is exact, together they are a snapshot that
// other threads may already have moved on from.
struct ExecutorStats {
  std::string name;
  std::size_t max_workers = 0;
  std::size_t workers = 0;       // threads that exist
  std::size_t idle_workers = 0;  // of these, waiting for a task
  std::size_t queued = 0;        // tasks not begun, cancelled ones included
  std::size_t running = 0;       // tasks begun and not ended

  std::size_t submitted = 0;
  // A task is counted just before its future is done.
  std::size_t completed = 0;  // functions that returned
  std::size_t failed = 0;     // functions that raised, or ran out of time
  std::size_t cancelled = 0;  // cancelled tasks that were taken out of the queue

  std::chrono::nanoseconds busy_time{};  // wall time of all workers with a task
  std::chrono::nanoseconds cpu_time{};   // CPU time of all workers
};

// One line for a log: "<ThreadPoolExecutor-0: 4 of 8 workers (1 idle), 3 running, 12 queued, …>".
COEVAL_EXPORT std::string to_string(const ExecutorStats& stats);

}  // namespace coeval
