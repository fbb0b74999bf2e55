// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coeval/core/export.hpp>
#include <coeval/futures/executor.hpp>

#include <memory>
#include <string>

namespace coeval {

// InlineExecutor: runs each task in the call of submit, in the submitting thread. For tests, for
// debugging with a stack that shows who submitted, and as the simplest member of the contract.
//
//   coeval::InlineExecutor pool;
//   pool.submit(work, 1);   // work has run when this returns; what it raised is in the future
//
// Thread-safe: each thread that submits runs its own tasks. submit blocks as long as the task does.
// A task cannot be cancelled, as it never waits in a queue; its timeout works as in a thread pool,
// for others that hold the future.
class COEVAL_EXPORT InlineExecutor : public ExecutorInterface<InlineExecutor> {
 public:
  // The name is for logs and statistics.
  explicit InlineExecutor(const std::string& name = "InlineExecutor");
  InlineExecutor(const InlineExecutor&) = delete;
  InlineExecutor& operator=(const InlineExecutor&) = delete;
  ~InlineExecutor();

  const std::shared_ptr<detail::ExecutorBackend>& backend() const noexcept { return backend_; }

 private:
  std::shared_ptr<detail::ExecutorBackend> backend_;
};

}  // namespace coeval
