// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/futures/detail/cell.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>

namespace coeval::detail {

// TaskQueue: tasks in the order of their priority, equal ones first in, first out. Not thread-safe.
class TaskQueue {
 public:
  // Raises std::bad_alloc; the queue is as before then.
  void push(CellRef task);

  // The next task, or none.
  CellRef pop();

  // Whether the next task has a priority above 0.
  bool is_urgent() const noexcept { return !levels_.empty() && levels_.begin()->first > 0; }

  // Takes a task out again; false if it is not here.
  bool remove(const Cell& task);

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  using Levels = std::map<int, std::deque<CellRef>, std::greater<>>;

  void drop_if_empty(Levels::iterator level) noexcept;

  Levels levels_;  // none is empty, except the one of priority 0
  std::size_t size_ = 0;
};

}  // namespace coeval::detail
