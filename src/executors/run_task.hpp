// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "executors/task_timer.hpp"

#include <coeval/futures/detail/cell.hpp>

#include <string_view>

namespace coeval::detail {

enum class Outcome { completed, failed };

// Runs a task whose state is running: starts its clock, tells the observer, calls the function.
// Raises only forced unwinding (pthread_exit); the future is done then, too.
Outcome run_task(Cell& task, TaskTimer& timer, std::string_view executor);

}  // namespace coeval::detail
