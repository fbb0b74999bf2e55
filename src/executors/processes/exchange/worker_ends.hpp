// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a pool hands to the process of a worker, and where that process begins.

#include <coeval/core/file_descriptor.hpp>

namespace coeval::detail {

// The worker's ends of what it shares with its pool.
struct WorkerEnds {
  FileDescriptor inbox;
  FileDescriptor outbox;
  FileDescriptor socket;
};

// Makes this process a worker, and runs tasks until the pool closes: the target of a worker's Process.
void run_worker(WorkerEnds ends);

}  // namespace coeval::detail
