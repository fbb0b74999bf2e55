// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What runs in a worker of a process pool.

#include "executors/process_worker_loop.hpp"

namespace coeval::detail {

// Makes this process a worker, and runs tasks until the pool closes.
void run_worker(WorkerEnds ends);

}  // namespace coeval::detail
