// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a worker of a process pool does with the signals that come to a whole process group.

#include "executors/processes/exchange/exchange.hpp"

namespace coeval::detail {

// In a worker. A service is stopped by SIGTERM to all its processes, a terminal sends SIGINT and, when
// it closes, SIGHUP to all of the group: those are for the program, which decides what becomes of its
// workers, so they finish what they run. They end with the program, whatever that does.
//  - SIGINT is ignored.
//  - SIGTERM has its default action when the pool has announced it, by which time limits end tasks,
//    or when the worker sends it to itself. Otherwise it does nothing.
//  - SIGHUP has its default action when the worker sends it to itself.
//  - In a process that a task has forked the last two have their default action.
// Then no signal is blocked any more. The side lives as long as the process.
void answer_signals(const WorkerSide& side) noexcept;

}  // namespace coeval::detail
