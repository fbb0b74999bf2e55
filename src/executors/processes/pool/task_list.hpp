// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// TaskList: tasks of a process pool one behind the other. They are linked themselves, so that what a
// pool does for a task that it has accepted needs no memory.

#include <coeval/executors/detail/process_task.hpp>
#include <coeval/futures/detail/cell.hpp>

#include <utility>

namespace coeval::detail {

inline ProcessTask& task_of(Cell& cell) noexcept {
  return *static_cast<ProcessTask*>(cell.remote());
}

// Each task is in one list at most. For one thread at a time.
class TaskList {
 public:
  TaskList() noexcept = default;
  TaskList(TaskList&& other) noexcept
      : first_(std::move(other.first_)), last_(std::exchange(other.last_, nullptr)) {}
  TaskList& operator=(TaskList&& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    return *this;
  }
  ~TaskList() {
    while (pop_front()) {
    }
  }

  bool empty() const noexcept { return !first_; }
  Cell& front() const noexcept { return *first_; }

  void push_front(CellRef cell) noexcept {
    ProcessTask& task = task_of(*cell);
    if (empty()) {
      last_ = &task;
    }
    task.behind = std::exchange(first_, std::move(cell));
  }
  void push_back(CellRef cell) noexcept {
    ProcessTask& task = task_of(*cell);
    (empty() ? first_ : last_->behind) = std::move(cell);
    last_ = &task;
  }
  // None if it is empty.
  CellRef pop_front() noexcept {
    CellRef cell = std::move(first_);
    if (cell) {
      first_ = std::move(task_of(*cell).behind);
    }
    return cell;
  }

 private:
  CellRef first_;
  ProcessTask* last_ = nullptr;  // if it is not empty
};

}  // namespace coeval::detail
