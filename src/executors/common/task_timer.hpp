// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// TaskTimer: fails tasks whose time is over, and looks after chunks that run. One per executor, with
// a thread of its own that starts with the first task that it watches.

#include <coeval/core/annotations.hpp>
#include <coeval/core/deadline.hpp>
#include <coeval/futures/detail/cell.hpp>
#include <coeval/threading/condition.hpp>
#include <coeval/threading/lock.hpp>
#include <coeval/threading/thread.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace coeval::detail {

// Thread-safe. Its destructor ends the thread and waits for it, except on that very thread.
class TaskTimer {
 public:
  // The thread is called name.
  explicit TaskTimer(std::string name);
  TaskTimer(const TaskTimer&) = delete;
  TaskTimer& operator=(const TaskTimer&) = delete;
  ~TaskTimer();

  // Fails the task with TimeoutError and asks it to stop when its timeout, counted from now, has
  // passed. Returns that moment. Raises std::system_error if the thread cannot be started.
  Deadline watch(Cell& task);

  // Calls look(task) after so much time, and again after each such time until it says false or
  // forget() finds that it was not called yet. It keeps the task until then. Returns and raises as
  // watch(task) does.
  using Look = std::function<bool(Cell&)>;
  Deadline watch(Cell& task, std::chrono::nanoseconds every, Look look);

  // Ends what watch() began; when is what it returned. Nothing happens if it is over already.
  void forget(const Cell& task, Deadline when) noexcept;

 private:
  class Schedule;

  std::shared_ptr<Schedule> schedule();

  const std::string name_;
  threading::Lock lock_;
  // Shared with the thread, which may outlive this object by a moment when it destroys it itself.
  std::shared_ptr<Schedule> schedule_ COEVAL_GUARDED_BY(lock_);
  std::optional<threading::Thread> thread_ COEVAL_GUARDED_BY(lock_);
};

}  // namespace coeval::detail
