// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// ExecutorBackend: what runs tasks behind an executor of this process. The executor classes are
// thin handles on one.

#include <coeval/core/atomic.hpp>
#include <coeval/core/export.hpp>
#include <coeval/futures/detail/cell.hpp>
#include <coeval/futures/executor_options.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace coeval::detail {

class ProcessPool;
class ThreadPool;

// How a map goes that was not told. Relaxed: hints, which the backend writes.
struct MapPace {
  atomic<std::size_t> ahead{0};  // how many inputs it is ahead of the result that is read
  atomic<std::size_t> batch{1};  // how many of them it submits together
};

class COEVAL_EXPORT ExecutorBackend {
 public:
  virtual ~ExecutorBackend();

  // Takes a pending task, which the caller keeps alive until this returns. Raises RuntimeError
  // after shutdown, BrokenExecutor, QueueFull; the task is then not queued and will not run.
  // when_full overrides the backend's own rule unless null.
  virtual void enqueue(CellRef task, const WhenFull* when_full) = 0;

  // Takes many, in this order. Raises as enqueue does: the tasks that are still in the span were
  // not queued, those that were are gone from it.
  virtual void enqueue_all(std::span<CellRef> tasks);

  virtual void shutdown(const ShutdownOptions& options) = 0;
  virtual ExecutorStats stats() const = 0;
  virtual std::size_t max_workers() const noexcept = 0;

  // Where forked tasks go; null: they run in the thread that forks them.
  virtual ThreadPool* thread_pool() noexcept;

  // Where tasks are called in other processes; null: in this one.
  virtual ProcessPool* process_pool() noexcept;

  // null: one input at a time, ahead by twice the workers.
  virtual const MapPace* map_pace() const noexcept;
};

// Queues the cell of a then(executor, f) when its source is done.
struct LaunchOn {
  static constexpr bool is_local = true;

  std::shared_ptr<ExecutorBackend> backend;
  std::optional<TaskOptions> options;

  // Before the cell can be queued: nobody else reads its options yet.
  void prepare(Cell& cell) const {
    if (options) {
      cell.set_options(*options);
    }
  }
  void operator()(CellRef cell) const { backend->enqueue(CellRef(*cell), nullptr); }
};

}  // namespace coeval::detail
