// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/futures/detail/backend.hpp>
#include <coeval/futures/executor_options.hpp>

#include <fmt/format.h>

namespace coeval {
namespace detail {

ExecutorBackend::~ExecutorBackend() = default;

void ExecutorBackend::enqueue_all(std::span<CellRef> tasks) {
  for (CellRef& task : tasks) {
    enqueue(CellRef(*task), nullptr);
    task = CellRef();
  }
}

ProcessPool* ExecutorBackend::process_pool() noexcept {
  return nullptr;
}

const MapPace* ExecutorBackend::map_pace() const noexcept {
  return nullptr;
}

ThreadPool* ExecutorBackend::thread_pool() noexcept {
  return nullptr;
}

}  // namespace detail

std::string to_string(const ExecutorStats& stats) {
  return fmt::format(
      "<{}: {} of {} workers ({} idle), {} running, {} queued, {} completed, {} failed, "
      "{} cancelled>",
      stats.name, stats.workers, stats.max_workers, stats.idle_workers, stats.running, stats.queued,
      stats.completed, stats.failed, stats.cancelled);
}

}  // namespace coeval
