// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/run_task.hpp"

#include <coeval/core/hooks.hpp>

#include <optional>

namespace coeval::detail {
namespace {

void tell(TaskEvent event, const Cell& task, std::string_view executor) noexcept {
  observe({.event = event, .task = &task, .name = task.name(), .executor = executor});
}

// Tells the end of a task, and stops its clock, however it ends.
struct Ending {
  ~Ending() {
    if (deadline) {
      timer.forget(task, *deadline);
    }
    tell(returned ? TaskEvent::finish : TaskEvent::fail, task, executor);
  }

  Cell& task;
  TaskTimer& timer;
  std::string_view executor;
  std::optional<Deadline> deadline = std::nullopt;
  bool returned = false;
};

}  // namespace

bool run_task(Cell& task, TaskTimer& timer, std::string_view executor) {
  tell(TaskEvent::start, task, executor);
  Ending ending{.task = task, .timer = timer, .executor = executor};
  if (task.timeout().count() > 0) {
    try {
      ending.deadline = timer.watch(task);
    } catch (...) {
      // Without a clock the limit would not hold: better not to begin.
      task.fail(std::current_exception());
      return false;
    }
  }
  ending.returned = task.run();
  return ending.returned;
}

bool fail_task(Cell& task, const std::exception_ptr& error, std::string_view executor) noexcept {
  if (!task.try_start()) {
    return false;
  }
  task.fail(error);
  tell(TaskEvent::fail, task, executor);
  return true;
}

}  // namespace coeval::detail
