// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/threads/task_queue.hpp"

#include <algorithm>

namespace coeval::detail {

void TaskQueue::push(Queued task, int priority) {
  const auto level = levels_.try_emplace(priority).first;
  try {
    level->second.push_back(task);
  } catch (...) {
    drop_if_empty(level);
    throw;
  }
}

Queued TaskQueue::pop() noexcept {
  if (levels_.empty()) {
    return {};
  }
  const auto level = levels_.begin();
  const Queued task = level->second.front();
  level->second.pop_front();
  drop_if_empty(level);
  return task;
}

bool TaskQueue::remove(Queued task, int priority) noexcept {
  const auto level = levels_.find(priority);
  if (level == levels_.end()) {
    return false;
  }
  const auto found = std::ranges::find(level->second, task.bits(), &Queued::bits);
  if (found == level->second.end()) {
    return false;
  }
  level->second.erase(found);
  drop_if_empty(level);
  return true;
}

void TaskQueue::drop_if_empty(Levels::iterator level) noexcept {
  if (level->second.empty()) {
    levels_.erase(level);
  }
}

}  // namespace coeval::detail
