// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The thread pool as it is, threads and all: schedules of submission, parking, growth and shutdown.

#include "model/model.hpp"
#include "model/system.hpp"

#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/wait.hpp>
#include <coeval/threading/detail/ident.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <iostream>
#include <vector>

namespace {

using coeval::Future;
using coeval::ThreadPoolExecutor;

int identity(int n) {
  return n;
}

class ThreadPoolModel : public testing::Test {
 protected:
  ThreadPoolModel() {
    coeval::threading::detail::current_ident_source = []() noexcept {
      return static_cast<coeval::threading::detail::Ident>(model::thread_id() + 1);
    };
    // What the library does once per process comes before the executions that are compared.
    const model::Result once =
        model::explore({.search = model::Search::random, .executions = 1, .thread_locals = true},
                       [](model::Execution&) {
                         ThreadPoolExecutor({.max_workers = 1}).submit(identity, 1).result();
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

TEST_F(ThreadPoolModel, a_task_submitted_while_the_worker_parks_is_run) {
  explore("pool_park", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
    model::check(pool.submit(identity, 1).result() == 1, "the first");
    model::check(pool.submit(identity, 2).result() == 2, "the second, as the worker parks");
  });
}

TEST_F(ThreadPoolModel, two_submitters_and_a_shutdown_lose_no_task) {
  explore("pool_submitters", [](model::Execution& x) {
    Future<int> a;
    Future<int> b;
    {
      ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "pool"});
      x.thread("submitter", [&] { a = pool.submit(identity, 1); });
      b = pool.submit(identity, 2);
      x.run();
    }
    model::check(a.done() && b.done(), "the destructor has seen to both");
  });
}

TEST_F(ThreadPoolModel, a_task_that_waits_for_its_own_child_ends) {
  explore("pool_nested", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
    const Future<int> outer = pool.submit([&pool] { return pool.submit(identity, 7).result(); });
    model::check(outer.result() == 7, "the child's result");
  });
}

TEST_F(ThreadPoolModel, a_task_that_waits_for_an_earlier_task_ends) {
  explore("pool_wait_for_other", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "pool"});
    const Future<int> first = pool.submit(identity, 1);
    const Future<int> second = pool.submit([first] { return first.result() + 1; });
    model::check(second.result() == 2, "both ran");
  });
}

TEST_F(ThreadPoolModel, a_full_queue_lets_its_submitter_in_again) {
  explore("pool_bounded", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool", .max_queue = 1});
    std::vector<Future<int>> futures;
    for (int i = 0; i < 3; ++i) {
      futures.push_back(pool.submit(identity, i));
    }
    model::check(coeval::wait(futures).not_done.empty(), "all ran");
  });
}

TEST_F(ThreadPoolModel, a_cancelled_task_is_not_run) {
  explore("pool_cancel", [](model::Execution&) {
    int calls = 0;
    bool cancelled = false;
    {
      ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
      const Future<void> future = pool.submit([&calls] { ++calls; });
      cancelled = future.cancel();
    }
    model::check(calls == (cancelled ? 0 : 1), "it ran unless it was cancelled");
  });
}

}  // namespace
