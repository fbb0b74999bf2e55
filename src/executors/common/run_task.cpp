// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/common/run_task.hpp"

#include <coeval/core/hooks.hpp>

#include <optional>

namespace coeval::detail {
namespace {

void tell(TaskEvent event, const Cell& task, std::string_view executor) noexcept {
  if (is_observed()) [[unlikely]] {
    observe({.event = event, .task = &task, .name = task.name(), .executor = executor});
  }
}

template <class Counts>
void end_with_error(Cell& task, std::exception_ptr error, std::string_view executor,
                    Counts& counts) noexcept {
  counts.count(Ran::raised);
  tell(TaskEvent::fail, task, executor);
  task.fail(std::move(error));
}

template <class Counts>
void run_and_count(Cell& task, TaskTimer& timer, std::string_view executor, Counts& counts) {
  tell(TaskEvent::start, task, executor);
  std::optional<Deadline> deadline;
  if (task.timeout().count() > 0) [[unlikely]] {
    try {
      deadline = timer.watch(task);
    } catch (...) {
      // Without a clock the limit would not hold: better not to begin.
      end_with_error(task, std::current_exception(), executor, counts);
      return;
    }
  }
  task.run([&](Ran ran) {
    if (deadline) {
      timer.forget(task, *deadline);
    }
    if (ran == Ran::by_elements) {
      return;
    }
    counts.count(ran);
    tell(ran == Ran::returned ? TaskEvent::finish : TaskEvent::fail, task, executor);
  });
}

}  // namespace

void run_task(Cell& task, TaskTimer& timer, std::string_view executor, TaskCounts& counts) {
  run_and_count(task, timer, executor, counts);
}

void run_task(Cell& task, TaskTimer& timer, std::string_view executor, OwnerCounts& counts) {
  run_and_count(task, timer, executor, counts);
}

bool fail_task(Cell& task, const std::exception_ptr& error, std::string_view executor,
               TaskCounts& counts) noexcept {
  if (!task.try_start()) {
    return false;
  }
  end_with_error(task, error, executor, counts);
  return true;
}

}  // namespace coeval::detail
