// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The ends of a ThreadPoolExecutor: from inside, by its last handle, with what is left.

#include <coeval/executors/thread_pool_executor.hpp>

#include "executors/threads/pool_support.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/executors/make_executor.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace coeval {
namespace {

TEST(PoolShutdown, from_a_worker_does_not_wait_for_itself) {
  ThreadPoolExecutor pool({.max_workers = 1});
  threading::Event queued;
  const auto ender = pool.submit([&] {
    queued.wait();
    pool.shutdown();
    return 1;
  });
  const auto after = pool.submit([] { return 2; });
  queued.set();
  EXPECT_EQ(ender.result(), 1);
  EXPECT_EQ(after.result(), 2);
  EXPECT_THROW(pool.submit([] {}), RuntimeError);
}

TEST(PoolShutdown, from_a_worker_may_cancel_what_is_queued) {
  ThreadPoolExecutor pool({.max_workers = 1});
  threading::Event queued;
  const auto ender = pool.submit([&] {
    queued.wait();
    pool.shutdown({.cancel_futures = true});
  });
  const auto after = pool.submit([] { return 2; });
  queued.set();
  EXPECT_NO_THROW(ender.result());
  EXPECT_TRUE(after.cancelled());
}

TEST(PoolShutdown, from_a_callback_returns) {
  ThreadPoolExecutor pool({.max_workers = 2});
  threading::Event called;
  pool.submit([] {}).add_done_callback([&](const Future<void>&) {
    pool.shutdown();
    called.set();
  });
  called.wait();
  EXPECT_THROW(pool.submit([] {}), RuntimeError);
}

TEST(PoolShutdown, of_a_task_that_submits_gives_it_runtime_error) {
  ThreadPoolExecutor pool({.max_workers = 1});
  threading::Event closed;
  const auto task = pool.submit([&] {
    closed.wait();
    EXPECT_THROW(pool.submit([] {}), RuntimeError);
  });
  pool.shutdown({.wait = false});
  closed.set();
  EXPECT_NO_THROW(task.result());
}

TEST(PoolShutdown, that_cancels_runs_the_callbacks_outside_of_its_locks) {
  ThreadPoolExecutor pool({.max_workers = 1});
  support::Occupied occupied(pool);
  bool called = false;
  pool.submit([] {}).add_done_callback([&](const Future<void>& future) {
    EXPECT_TRUE(future.cancelled());
    EXPECT_EQ(pool.stats().queued, 0U);
    EXPECT_THROW(pool.submit([] {}), RuntimeError);
    pool.shutdown({.wait = false});
    called = true;
  });
  pool.shutdown({.wait = false, .cancel_futures = true});
  EXPECT_TRUE(called);
}

TEST(PoolShutdown, by_the_destructor_on_a_worker_of_its_own) {
  auto pool = std::make_unique<ThreadPoolExecutor>(ThreadPoolOptions{.max_workers = 2});
  threading::Event moved;
  ThreadPoolExecutor& here = *pool;
  std::unique_ptr<ThreadPoolExecutor> inside;
  const auto destroyer = here.submit([&] {
    moved.wait();
    inside.reset();
    return 1;
  });
  const auto other = here.submit([] { return 2; });
  inside = std::move(pool);
  moved.set();
  EXPECT_EQ(destroyer.result(), 1);
  EXPECT_EQ(other.result(), 2);
}

TEST(PoolShutdown, by_the_last_handle_in_a_task_of_its_own) {
  auto pool = std::make_shared<AnyExecutor>(make_executor("threads:2"));
  threading::Event dropped;
  const auto task = pool->submit(
      [&dropped](std::shared_ptr<AnyExecutor> last) {
        dropped.wait();
        last.reset();
        return 1;
      },
      pool);
  pool.reset();
  dropped.set();
  EXPECT_EQ(task.result(), 1);
}

TEST(PoolShutdown, by_the_last_handle_lets_the_queued_work_finish) {
  std::atomic<int> runs = 0;
  {
    std::optional<AnyExecutor> copy;
    {
      AnyExecutor pool = make_executor("threads:2");
      for (int i = 0; i < 100; ++i) {
        pool.submit([&runs] { ++runs; });
      }
      copy = pool;
    }
    EXPECT_EQ(copy->submit([] { return 1; }).result(), 1);
  }
  EXPECT_EQ(runs, 100);
}

TEST(PoolShutdown, a_handle_to_a_pool_of_somebody_else_leaves_it_alone) {
  ThreadPoolExecutor pool({.max_workers = 1});
  {
    AnyExecutor handle = pool;
    EXPECT_EQ(handle.submit([] { return 1; }).result(), 1);
  }
  EXPECT_EQ(pool.submit([] { return 2; }).result(), 2);
}

TEST(PoolShutdown, futures_and_configured_views_outlive_the_pool) {
  std::optional<ThreadPoolExecutor> pool;
  pool.emplace(ThreadPoolOptions{.max_workers = 1});
  const auto future = pool->submit([] { return std::string("text"); });
  const auto view = pool->with({.name = "late"});
  Promise<int> promise;
  const auto after = promise.future().then(*pool, [](int n) { return n; });
  pool.reset();
  EXPECT_EQ(future.result(), "text");
  EXPECT_THROW(view.submit([] {}), RuntimeError);
  promise.set_result(1);
  EXPECT_THROW(after.result(), RuntimeError);
}

TEST(PoolShutdown, of_many_pools_one_after_the_other) {
  for (int i = 0; i < 200; ++i) {
    ThreadPoolExecutor pool({.max_workers = 2});
    const auto future = pool.submit([i] { return i; });
    if (i % 2 == 0) {
      EXPECT_EQ(future.result(), i);
    }
  }
}

TEST(PoolShutdown, racing_others_and_submissions_ends) {
  for (int round = 0; round < 50; ++round) {
    ThreadPoolExecutor pool({.max_workers = 3});
    std::vector<Future<int>> futures;
    std::thread submitter([&] {
      try {
        for (;;) {
          futures.push_back(pool.submit([] { return 1; }));
        }
      } catch (const RuntimeError&) {
        // The shutdown.
      }
    });
    std::thread canceller([&pool] { pool.shutdown({.cancel_futures = true}); });
    pool.shutdown();
    canceller.join();
    submitter.join();
    for (const Future<int>& future : futures) {
      EXPECT_TRUE(future.done());
    }
    const ExecutorStats stats = pool.stats();
    EXPECT_EQ(stats.submitted, futures.size());
    EXPECT_EQ(stats.completed + stats.cancelled, stats.submitted);
    EXPECT_EQ(stats.queued, 0U);
  }
}

TEST(ThreadEnd, pthread_exit_in_a_task_costs_that_task_and_the_pool_goes_on) {
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto gone = pool.with({.name = "leaver"}).submit([]() -> int { pthread_exit(nullptr); });
  try {
    gone.result();
    FAIL() << "nothing was raised";
  } catch (const RuntimeError& error) {
    EXPECT_NE(std::string(error.what()).find("'leaver'"), std::string::npos) << error.what();
  }
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  pool.shutdown();
  EXPECT_EQ(pool.stats().failed, 1U);
  EXPECT_EQ(pool.stats().completed, 1U);
}

TEST(ThreadEnd, pthread_exit_in_a_task_leaves_the_tasks_that_it_submitted_to_others) {
  ThreadPoolExecutor pool({.max_workers = 1});
  std::vector<Future<int>> children;
  const auto gone = pool.submit([&] {
    for (int i = 0; i < 5; ++i) {
      children.push_back(pool.submit([i] { return i; }));
    }
    pthread_exit(nullptr);
  });
  EXPECT_THROW(gone.result(), RuntimeError);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(children[static_cast<std::size_t>(i)].result(), i);
  }
}

TEST(ThreadEnd, pthread_exit_in_a_child_ends_the_tasks_on_its_stack) {
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto parent = pool.submit([&pool] { pool.submit([] { pthread_exit(nullptr); }).result(); });
  EXPECT_THROW(parent.result(), RuntimeError);
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
}

TEST(ThreadEnd, pthread_exit_unwinds_the_stack_of_the_task) {
  const auto token = std::make_shared<int>(1);
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto gone = pool.submit(
      [](const std::shared_ptr<int>& held) {
        const auto copy = held;
        pthread_exit(nullptr);
      },
      token);
  EXPECT_TRUE(gone.wait());
  pool.shutdown();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(ThreadEnd, pthread_exit_in_every_worker_leaves_a_pool_that_works) {
  ThreadPoolExecutor pool({.max_workers = 3});
  for (int i = 0; i < 30; ++i) {
    pool.submit([] { pthread_exit(nullptr); });
  }
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  pool.shutdown();
  EXPECT_EQ(pool.stats().failed, 30U);
}

}  // namespace
}  // namespace coeval
