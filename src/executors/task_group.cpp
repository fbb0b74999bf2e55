// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/task_group.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/core/log.hpp>

#include <fmt/format.h>

#include <exception>

namespace coeval {

TaskGroup::~TaskGroup() {
  if (std::uncaught_exceptions() > 0) {
    cancel();
  }
  scope_.join();
  for (const std::exception_ptr& error : scope_.take_errors()) {
    log(Severity::error, "coeval.executors",
        fmt::format("a task of a TaskGroup that nobody waited for raised {}", describe(error)));
  }
}

void TaskGroup::wait() {
  scope_.join();
  if (auto errors = scope_.take_errors(); !errors.empty()) {
    throw ExceptionGroup("coeval::TaskGroup: tasks of the group raised", std::move(errors));
  }
}

}  // namespace coeval
