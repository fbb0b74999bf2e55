// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the tests of the whole thread pool under the checker share.

#include "model/model.hpp"
#include "model/system.hpp"

#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/threading/detail/ident.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <iostream>

inline int identity(int n) {
  return n;
}

class ThreadPoolModel : public testing::Test {
 protected:
  ThreadPoolModel() {
    coeval::threading::detail::current_ident_source = []() noexcept {
      // Above all numbers that the library gives to the threads that it starts.
      return static_cast<coeval::threading::detail::Ident>(model::thread_id() + 1'000'000'000);
    };
    // What the library does once per process comes before the executions that are compared.
    const model::Result once = model::explore(
        {.search = model::Search::random, .executions = 1, .thread_locals = true},
        [](model::Execution&) {
          coeval::ThreadPoolExecutor({.max_workers = 1}).submit(identity, 1).result();
        });
    EXPECT_TRUE(once.ok()) << once.report();
  }

  // A pool has many steps, so the complete search stops at two preemptions; random schedules go
  // beyond.
  static void explore(const char* name, const std::function<void(model::Execution&)>& body) {
    model::Options options{.name = name, .preemptions = 2, .thread_locals = true};
    const model::Result complete = model::explore(options, body);
    EXPECT_TRUE(complete.ok()) << complete.report();
    EXPECT_TRUE(complete.complete) << complete.summary;
    std::cout << complete.summary << '\n';
    options.search = model::Search::random;
    options.executions = 10'000;
    const model::Result drawn = model::explore(options, body);
    EXPECT_TRUE(drawn.ok()) << drawn.report();
    std::cout << drawn.summary << '\n';
  }

 private:
  const model::ModelSystem system_;
};
