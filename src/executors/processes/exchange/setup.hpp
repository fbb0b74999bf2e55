// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a worker of a process pool does before its first task.

#include "executors/processes/exchange/memory_rules.hpp"

#include <coeval/core/file_descriptor.hpp>
#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/pickle/archive.hpp>
#include <coeval/pickle/parcel.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace coeval::detail {

// What each worker does first, pickled; the arguments of its first position.
struct WorkerSetup {
  pickle::Bytes bytes;
  std::vector<FileDescriptor> descriptors;
  std::size_t max_result_size = 0;
};

// What the options say of a worker's tasks.
struct WorkerRules {
  MemoryRules memory;
  std::uint64_t max_result_size = 0;
};

// initializer: what pack_target() made, or nothing.
WorkerSetup make_setup(const ProcessPoolOptions& options, pickle::Parcel initializer);

// In the worker: applies the options and calls the initializer. Errors: std::system_error for an option;
// what the initializer raises.
WorkerRules set_up(pickle::InputArchive& archive);

}  // namespace coeval::detail
