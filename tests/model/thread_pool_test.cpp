// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0

// The thread pool as it is, threads and all: schedules of submission, parking, growth and shutdown.

#include "model/pool_model.hpp"

#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/futures/wait.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace {

using coeval::Future;
using coeval::ThreadPoolExecutor;

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

TEST_F(ThreadPoolModel, a_task_of_a_bundle_behind_one_that_blocks_is_run) {
  explore("pool_steal", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "pool"});
    coeval::Promise<int> promise;
    const Future<int> blocked = pool.submit([f = promise.future()] { return f.result(); });
    const Future<void> other = pool.submit([&promise] { promise.set_result(3); });
    model::check(blocked.result() == 3, "the other ran on another thread");
  });
}

// The wait is one that the pool does not see.
TEST_F(ThreadPoolModel, a_task_behind_one_that_blocks_is_run_by_the_other_worker) {
  explore("pool_blocked", [](model::Execution&) {
    coeval::threading::Event event;
    ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "pool"});
    const Future<void> blocked = pool.submit([&event] { event.wait(); });
    const Future<void> other = pool.submit([&event] { event.set(); });
    blocked.result();
    other.result();
  });
}

TEST_F(ThreadPoolModel, a_worker_that_sleeps_in_its_task_is_replaced) {
  explore("pool_replace", [](model::Execution&) {
    coeval::Promise<int> promise;
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
    const Future<int> waiting = pool.submit([f = promise.future()] { return f.result(); });
    const Future<void> other = pool.submit([&promise] { promise.set_result(3); });
    model::check(waiting.result() == 3, "another thread has run the other task");
  });
}

TEST_F(ThreadPoolModel, an_urgent_task_wakes_a_worker_that_parks) {
  explore("pool_urgent", [](model::Execution&) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
    model::check(pool.submit(identity, 1).result() == 1, "the first");
    model::check(pool.with({.priority = 1}).submit(identity, 2).result() == 2, "the urgent one");
    model::check(pool.with({.priority = -1}).submit(identity, 3).result() == 3, "the other one");
  });
}

TEST_F(ThreadPoolModel, tasks_are_cancelled_or_run_by_a_shutdown_that_drops_them) {
  explore("pool_drop", [](model::Execution& x) {
    ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "pool"});
    const Future<int> outer = pool.submit([&pool] {
      try {
        return pool.submit(identity, 1).result();
      } catch (const coeval::Error&) {
        return 2;  // cancelled, or refused
      }
    });
    x.thread("shutter", [&pool] { pool.shutdown({.cancel_futures = true}); });
    x.run();
    pool.shutdown();
    model::check(outer.done(), "it has come to an end");
  });
}

}  // namespace
