// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/task_group.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>

#include <fmt/format.h>

#include <exception>
#include <new>
#include <utility>

namespace coeval {

TaskGroup::~TaskGroup() {
  if (std::uncaught_exceptions() > exceptions_) {
    cancel();
  }
  scope_.join();
  try {
    for (const std::exception_ptr& error : scope_.take_errors()) {
      log(Severity::error, "coeval.executors",
          fmt::format("a task of a TaskGroup that nobody waited for raised {}", describe(error)));
    }
  } catch (const std::bad_alloc&) {
    log(Severity::error, "coeval.executors", "tasks of a TaskGroup that nobody waited for raised");
  }
}

void TaskGroup::wait() {
  scope_.join();
  if (auto errors = scope_.take_errors(); !errors.empty()) {
    throw ExceptionGroup("coeval::TaskGroup: tasks of the group raised", std::move(errors));
  }
}

}  // namespace coeval
