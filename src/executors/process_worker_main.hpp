// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What runs in a worker of a process pool.

#include <coeval/core/file_descriptor.hpp>

namespace coeval::detail {

// The worker's ends of what it shares with its pool.
struct WorkerEnds {
  FileDescriptor inbox;
  FileDescriptor outbox;
  FileDescriptor socket;
};

// Runs tasks until the pool closes.
void run_worker(WorkerEnds ends);

}  // namespace coeval::detail
