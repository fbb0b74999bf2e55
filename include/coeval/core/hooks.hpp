// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Observation: what happens to tasks, told to whoever asked. With no observer the price is one
// relaxed load and a branch that is not taken.

#include <coeval/core/export.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace coeval {

enum class TaskEvent : std::uint8_t {
  submit,  // handed to an executor
  start,   // its function is about to be called
  finish,  // its function returned
  fail,    // its function raised
  cancel,  // it was cancelled before it ran
};

struct TaskNotice {
  TaskEvent event;
  const void* task;           // tells tasks apart from submit to its last event; reused afterwards
  std::string_view name;      // as given by with({.name}), else empty; valid during the call
  std::string_view executor;  // the executor's name; empty when it is not known
  // When it happened. In threads that is when it is told. The start of a task in a process is told
  // together with its end, each with its own time, by the clock of that process: never before the
  // task was handed to it, nor after it is told, however wrong that clock is.
  std::chrono::steady_clock::time_point time = {};
};

// An observer. Its function is called on the thread where the event happens, several at once; it
// must be quick, must not block and must not submit.
class COEVAL_EXPORT TaskObserver {
 public:
  virtual ~TaskObserver();
  virtual void on_task(const TaskNotice& notice) noexcept = 0;
};

// Sets the observer of this process and returns the one before; nullptr ends the observation.
// A thread that is inside the old one may still be there when this returns, so an observer lives as
// long as the executors it watched. Thread-safe.
COEVAL_EXPORT TaskObserver* set_task_observer(TaskObserver* observer) noexcept;

namespace detail {

// A setting and no part of any protocol: never a scheduling point of the model checker.
COEVAL_EXPORT extern std::atomic<TaskObserver*> task_observer;

inline bool is_observed() noexcept {
  return task_observer.load(std::memory_order_relaxed) != nullptr;
}

// Tells the observer, if there is one; a notice without a time happens now.
COEVAL_EXPORT void tell_observer(TaskNotice notice) noexcept;

inline void observe(const TaskNotice& notice) noexcept {
  if (is_observed()) [[unlikely]] {
    tell_observer(notice);
  }
}

}  // namespace detail
}  // namespace coeval
