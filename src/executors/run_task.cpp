// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "executors/run_task.hpp"

#include <coeval/core/hooks.hpp>

#include <exception>

namespace coeval::detail {

Outcome run_task(Cell& task, TaskTimer& timer, std::string_view executor) {
  observe({.event = TaskEvent::start, .task = &task, .name = task.name(), .executor = executor});
  if (task.timeout().count() > 0) {
    try {
      timer.watch(task);
    } catch (...) {
      // Without a clock the limit would not hold: better not to begin.
      task.set_error(std::current_exception());
      task.finish();
      return Outcome::failed;
    }
  }
  task.run();
  const Outcome outcome = task.error() == nullptr ? Outcome::completed : Outcome::failed;
  observe({.event = outcome == Outcome::completed ? TaskEvent::finish : TaskEvent::fail,
           .task = &task,
           .name = task.name(),
           .executor = executor});
  return outcome;
}

}  // namespace coeval::detail
