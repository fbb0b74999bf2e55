// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// AnyExecutor: an executor chosen at run time.

#include <coeval/core/export.hpp>
#include <coeval/executors/detail/process_tasks.hpp>
#include <coeval/futures/executor.hpp>

#include <memory>
#include <utility>

namespace coeval {

// A handle to an executor of any kind, with the same calls.
//
//   coeval::AnyExecutor pool = coeval::make_executor(config["executor"]);  // "threads:8"
//   pool.submit(work, 1);
//   coeval::AnyExecutor shared = other_pool;   // refers to a pool that somebody else owns
//
// Copies share the executor. The one from make_executor is shut down, and waited for, when its last
// copy is gone; one that refers to another executor leaves it alone, and must not outlive it.
// Thread safety and blocking are those of the executor behind it. What cannot cross to another
// process is refused when it is submitted, by PickleError, if the executor's workers are processes.
class AnyExecutor : public ExecutorInterface<AnyExecutor, detail::AnyTasks> {
 public:
  // Refers to an executor of this process.
  template <class Derived, class Tasks>
  AnyExecutor(ExecutorInterface<Derived, Tasks>& executor)
      : backend_(static_cast<Derived&>(executor).backend()) {}

  explicit AnyExecutor(std::shared_ptr<detail::ExecutorBackend> backend) noexcept
      : backend_(std::move(backend)) {}

  AnyExecutor(const AnyExecutor&) = default;
  AnyExecutor(AnyExecutor& other) : AnyExecutor(std::as_const(other)) {}
  AnyExecutor(AnyExecutor&&) = default;
  AnyExecutor& operator=(const AnyExecutor&) = default;
  AnyExecutor& operator=(AnyExecutor&&) = default;
  ~AnyExecutor() = default;

  const std::shared_ptr<detail::ExecutorBackend>& backend() const noexcept { return backend_; }

 private:
  std::shared_ptr<detail::ExecutorBackend> backend_;
};

}  // namespace coeval
