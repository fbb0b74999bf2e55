// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "executors/threads/queued.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <map>

namespace coeval::detail {

// TaskQueue: tasks in the order of their priority, equal ones first in, first out. Not thread-safe.
class TaskQueue {
 public:
  // Raises std::bad_alloc; the queue is as before then.
  void push(Queued task, int priority);

  // The next task, or none.
  Queued pop() noexcept;

  // Whether the next task has a priority above 0.
  bool is_urgent() const noexcept { return !levels_.empty() && levels_.begin()->first > 0; }

  // Takes a task out again; false if it is not here.
  bool remove(Queued task, int priority) noexcept;

 private:
  using Levels = std::map<int, std::deque<Queued>, std::greater<>>;

  void drop_if_empty(Levels::iterator level) noexcept;

  Levels levels_;  // none is empty
};

}  // namespace coeval::detail
