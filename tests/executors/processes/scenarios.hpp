// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the fault tests of the process pool do again and again: a pool of their own from its
// construction to its end. Each future of it has ended by then, however it did.

#include "support/scenario.hpp"

#include <coeval/executors/process_pool_executor.hpp>
#include <coeval/futures/futures.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace process_pool_test {

using coeval::testing::Scenario;

const std::vector<Scenario>& scenarios();

// A pool and its tasks, which have ended when the pool has; a submit that raised has queued nothing.
template <class T>
class PoolAndTasks {
 public:
  template <class... Initializer>
  explicit PoolAndTasks(coeval::ProcessPoolOptions options, Initializer&&... initializer)
      : pool_(std::in_place, named(std::move(options)), std::forward<Initializer>(initializer)...) {
    futures_.reserve(most_tasks);
  }
  ~PoolAndTasks() {
    const std::size_t submitted = pool_->stats().submitted;
    pool_.reset();
    EXPECT_EQ(submitted, futures_.size());
    for (const coeval::Future<T>& future : futures_) {
      EXPECT_TRUE(future.done());
    }
  }
  PoolAndTasks(const PoolAndTasks&) = delete;
  PoolAndTasks& operator=(const PoolAndTasks&) = delete;

  coeval::ProcessPoolExecutor& pool() { return *pool_; }

  // By the pool, or by what its with() has returned.
  template <class Submitter, class... Call>
  void submit_by(Submitter&& submitter, Call&&... call) {
    futures_.push_back(submitter.submit(std::forward<Call>(call)...));
  }
  template <class... Call>
  void submit(Call&&... call) {
    submit_by(*pool_, std::forward<Call>(call)...);
  }

  const std::vector<coeval::Future<T>>& futures() const { return futures_; }
  const coeval::Future<T>& operator[](std::size_t i) const { return futures_[i]; }

 private:
  static constexpr std::size_t most_tasks = 100;

  // So short that stats() does not allocate for it.
  static coeval::ProcessPoolOptions named(coeval::ProcessPoolOptions options) {
    options.name = "pool";
    return options;
  }

  std::optional<coeval::ProcessPoolExecutor> pool_;
  std::vector<coeval::Future<T>> futures_;
};

}  // namespace process_pool_test
