// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "executors/task_timer.hpp"

#include <coeval/futures/detail/cell.hpp>

#include <exception>
#include <string_view>

namespace coeval::detail {

// Runs a task whose state is running: starts its clock, tells the observer, calls the function. True
// if that returned in time, false if it raised or was too late. Raises only forced unwinding
// (pthread_exit); the future is done then, too.
bool run_task(Cell& task, TaskTimer& timer, std::string_view executor);

// Fails a task that has not begun, and tells the observer; false if it is done or running.
bool fail_task(Cell& task, const std::exception_ptr& error, std::string_view executor) noexcept;

}  // namespace coeval::detail
