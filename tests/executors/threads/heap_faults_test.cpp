// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What a pool does when the heap refuses.

#include "support/failing_new.hpp"

#if SUPPORT_CAN_REPLACE_NEW

#include "executors/threads/pool_support.hpp"

#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/as_completed.hpp>
#include <coeval/futures/promise.hpp>
#include <coeval/futures/wait.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace coeval {
namespace {

// Calls action with the first, second, third … allocation failing, until it needs no more.
template <class Action>
void with_each_allocation_failing(Action action) {
  for (int nth = 1; nth < 1000; ++nth) {
    bool raised = false;
    try {
      const support::FailingNew failing(nth);
      action();
    } catch (const std::bad_alloc&) {
      raised = true;
    }
    if (!raised && !support::FailingNew::has_failed()) {
      return;
    }
  }
  FAIL() << "no end of allocations";
}

TEST(HeapFaults, bad_alloc_in_the_first_submit_leaves_the_pool_usable) {
  const auto token = std::make_shared<int>(1);
  for (int nth = 1; nth < 100; ++nth) {
    ThreadPoolExecutor pool({.max_workers = 2});
    std::size_t accepted = 0;
    bool failed = false;
    try {
      const support::FailingNew failing(nth);
      pool.submit([](const std::shared_ptr<int>&) {}, token);
      accepted = 1;
      failed = support::FailingNew::has_failed();
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    EXPECT_EQ(pool.stats().submitted, accepted);
    EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
    pool.shutdown();
    EXPECT_EQ(token.use_count(), 1) << "allocation " << nth;
    EXPECT_EQ(pool.stats().completed, accepted + 1);
    if (!failed) {
      return;
    }
  }
  FAIL() << "no end of allocations";
}

TEST(HeapFaults, bad_alloc_in_a_later_submit_queues_the_task_or_keeps_nothing) {
  const auto token = std::make_shared<int>(1);
  ThreadPoolExecutor pool({.max_workers = 2});
  std::size_t accepted = 0;
  {
    const support::Occupied occupied(pool);
    with_each_allocation_failing([&] {
      pool.with({.name = "a name that is too long to be kept inside the string", .priority = 3})
          .submit([](const std::shared_ptr<int>&) {}, token);
      ++accepted;
    });
    EXPECT_GE(accepted, 1U);
    EXPECT_EQ(pool.stats().queued, accepted);
  }
  pool.shutdown();
  EXPECT_EQ(pool.stats().completed, accepted + 2);
  EXPECT_EQ(token.use_count(), 1);
}

TEST(HeapFaults, bad_alloc_in_a_submit_of_a_worker_leaves_the_pool_usable) {
  ThreadPoolExecutor pool({.max_workers = 1});
  std::size_t accepted = 0;
  pool.submit([&] {
        with_each_allocation_failing([&] {
          pool.submit([] {});
          ++accepted;
        });
      })
      .result();
  pool.shutdown();
  EXPECT_EQ(pool.stats().completed, accepted + 1);
}

TEST(HeapFaults, bad_alloc_in_what_hangs_on_a_future_leaves_it_usable) {
  Promise<int> promise;
  const Future<int> future = promise.future();
  std::atomic<int> calls = 0;
  int added = 0;
  with_each_allocation_failing([&] {
    future.add_done_callback([&calls](const Future<int>&) { ++calls; });
    ++added;
  });
  with_each_allocation_failing([&] {
    future.then([&calls](int) { ++calls; });
    ++added;
  });
  with_each_allocation_failing([&] { wait(std::vector{future}, std::chrono::seconds(0)); });
  with_each_allocation_failing([&] {
    try {
      as_completed(std::vector{future}, std::chrono::seconds(0)).begin();
    } catch (const TimeoutError&) {
      // As it should be.
    }
  });
  promise.set_result(1);
  EXPECT_EQ(calls, added);
}

}  // namespace
}  // namespace coeval

#endif  // SUPPORT_CAN_REPLACE_NEW
