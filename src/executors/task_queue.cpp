// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/task_queue.hpp"

#include <algorithm>
#include <utility>

namespace coeval::detail {

void TaskQueue::push(CellRef task) {
  const auto level = levels_.try_emplace(task->priority()).first;
  try {
    level->second.push_back(std::move(task));
  } catch (...) {
    drop_if_empty(level);
    throw;
  }
  ++size_;
}

CellRef TaskQueue::pop() {
  for (auto level = levels_.begin(); level != levels_.end(); ++level) {
    if (!level->second.empty()) {
      CellRef task = std::move(level->second.front());
      level->second.pop_front();
      --size_;
      drop_if_empty(level);
      return task;
    }
  }
  return {};
}

bool TaskQueue::remove(const Cell& task) {
  const auto level = levels_.find(task.priority());
  if (level == levels_.end()) {
    return false;
  }
  const auto found = std::ranges::find(level->second, &task, &CellRef::get);
  if (found == level->second.end()) {
    return false;
  }
  level->second.erase(found);
  --size_;
  drop_if_empty(level);
  return true;
}

void TaskQueue::drop_if_empty(Levels::iterator level) noexcept {
  if (level->second.empty() && level->first != 0) {
    levels_.erase(level);
  }
}

}  // namespace coeval::detail
