// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What a worker does, and does not do, while its task waits for a future.

#include <coeval/executors/thread_pool_executor.hpp>

#include "executors/threads/pool_support.hpp"

#include <coeval/futures/promise.hpp>
#include <coeval/futures/wait.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;

TEST(WaitingWorker, runs_the_task_that_it_waits_for_on_its_own_thread) {
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto same = pool.submit([&pool] {
    const auto child = pool.submit([] { return std::this_thread::get_id(); });
    return child.result() == std::this_thread::get_id();
  });
  EXPECT_TRUE(same.result());
}

TEST(WaitingWorker, runs_an_awaited_task_that_others_submitted) {
  ThreadPoolExecutor pool({.max_workers = 1});
  threading::Event queued;
  Future<std::thread::id> awaited;
  const auto same = pool.submit([&] {
    queued.wait();
    return awaited.result() == std::this_thread::get_id();
  });
  awaited = pool.submit([] { return std::this_thread::get_id(); });
  queued.set();
  EXPECT_TRUE(same.result());
}

// The waiting task holds a lock that an unrelated queued task needs: if the waiting worker ran that
// one, it would wait for itself.
void waits_while_it_holds_a_lock(int workers) {
  ThreadPoolExecutor pool({.max_workers = workers});
  std::mutex mutex;
  threading::Event locked;
  threading::Event queued;
  const auto holder = pool.submit([&] {
    const std::lock_guard guard(mutex);
    locked.set();
    queued.wait();
    const auto first = pool.submit([] { return 1; });
    const auto second = pool.submit([] { return 2; });
    return first.result() + second.result();
  });
  locked.wait();
  std::vector<Future<int>> needers;
  for (int i = 0; i < 4; ++i) {
    needers.push_back(pool.submit([&mutex] {
      const std::lock_guard guard(mutex);
      return 1;
    }));
  }
  queued.set();
  EXPECT_EQ(holder.result(), 3);
  EXPECT_EQ(wait(needers).done.size(), 4U);
}

TEST(WaitingWorker, runs_no_unrelated_task_with_one_worker) {
  waits_while_it_holds_a_lock(1);
}

TEST(WaitingWorker, runs_no_unrelated_task_with_two_workers) {
  waits_while_it_holds_a_lock(2);
}

TEST(WaitingWorker, runs_no_unrelated_task_while_it_waits_for_a_promise) {
  ThreadPoolExecutor pool({.max_workers = 1});
  Promise<int> promise;
  std::mutex mutex;
  threading::Event locked;
  const auto holder = pool.submit([&] {
    const std::lock_guard guard(mutex);
    locked.set();
    return promise.future().result();
  });
  locked.wait();
  threading::Event begun;
  const auto needer = pool.submit([&] {
    begun.set();
    const std::lock_guard guard(mutex);
    return std::this_thread::get_id();
  });
  begun.wait();  // on another thread, as the holder's waits
  promise.set_result(5);
  EXPECT_EQ(holder.result(), 5);
  EXPECT_NO_THROW(needer.result());
}

TEST(WaitingWorker, runs_no_task_of_an_outer_task) {
  // The inner task waits for what another thread holds, and must not begin what the outer one, on
  // the same stack, has queued: that needs the lock which the inner one has.
  Promise<int> promise;
  std::mutex mutex;
  threading::Event begun;
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto outer = pool.submit([&] {
    const auto uncle = pool.submit([&] {
      begun.set();
      const std::lock_guard guard(mutex);
      return 1;
    });
    const auto inner = pool.submit([&] {
      const std::lock_guard guard(mutex);
      return promise.future().result();
    });
    return inner.result() + uncle.result();
  });
  begun.wait();  // on another thread
  promise.set_result(2);
  EXPECT_EQ(outer.result(), 3);
}

TEST(WaitingWorker, is_replaced_while_it_waits_for_what_another_thread_holds) {
  ThreadPoolExecutor pool({.max_workers = 1});
  Promise<int> promise;
  const auto waiter = pool.submit([future = promise.future()] { return future.result(); });
  const auto other = pool.submit([] { return 1; });
  EXPECT_EQ(other.result(), 1);
  EXPECT_FALSE(waiter.done());
  promise.set_result(2);
  EXPECT_EQ(waiter.result(), 2);
}

TEST(WaitingWorker, is_replaced_in_every_kind_of_wait) {
  ThreadPoolExecutor pool({.max_workers = 1});
  Promise<int> promise;
  const Future<int> future = promise.future();
  const auto one = pool.submit([future] { return future.exception() == nullptr; });
  const auto two = pool.submit([future] { return future.wait(); });
  const auto three = pool.submit([future] { return wait(std::vector{future}).done.size() == 1; });
  const auto four = pool.submit([future] { return future.result(1h) == 2; });
  const auto five =
      pool.submit([future] { return wait(std::vector{future}, 1h).done.size() == 1; });
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  promise.set_result(2);
  EXPECT_TRUE(one.result() && two.result() && three.result() && four.result() && five.result());
}

TEST(WaitingWorker, is_replaced_while_it_waits_for_the_shutdown_of_another_pool) {
  ThreadPoolExecutor pool({.max_workers = 1});
  ThreadPoolExecutor other({.max_workers = 1});
  threading::Event gate;
  const auto held = other.submit([&gate] { gate.wait(); });
  const auto waiter = pool.submit([&other] { other.shutdown(); });
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  gate.set();
  EXPECT_NO_THROW(waiter.result());
  EXPECT_TRUE(held.done());
}

TEST(WaitingWorker, a_hundred_wait_for_a_task_that_comes_last) {
  Promise<int> promise;
  ThreadPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> waiters;
  for (int i = 0; i < 100; ++i) {
    waiters.push_back(pool.submit([future = promise.future()] { return future.result(); }));
  }
  pool.submit([&promise] { promise.set_result(3); });
  for (const Future<int>& waiter : waiters) {
    EXPECT_EQ(waiter.result(), 3);
  }
}

TEST(WaitingWorker, its_replacement_goes_when_it_is_back) {
  ThreadPoolExecutor pool({.max_workers = 2});
  Promise<int> promise;
  std::vector<Future<int>> waiters;
  for (int i = 0; i < 10; ++i) {
    waiters.push_back(pool.submit([future = promise.future()] { return future.result(); }));
  }
  pool.submit([] {}).result();
  EXPECT_GT(pool.stats().workers, 2U);
  promise.set_result(1);
  wait(waiters);
  // Each looks for a task once more, and finds itself one too many.
  support::until([&pool] {
    pool.submit([] {}).result();
    return pool.stats().workers <= 2;
  });
}

TEST(WaitingWorker, is_not_replaced_while_nothing_is_queued) {
  ThreadPoolExecutor pool({.max_workers = 1});
  Promise<int> promise;
  threading::Event started;
  const auto waiter = pool.submit([&started, future = promise.future()] {
    started.set();
    return future.result();
  });
  started.wait();
  EXPECT_EQ(pool.stats().workers, 1U);
  promise.set_result(1);
  EXPECT_EQ(waiter.result(), 1);
}

TEST(WaitingWorker, a_task_that_keeps_submitting_does_not_starve_the_others) {
  std::atomic<bool> stop = false;
  std::function<void()> again;
  ThreadPoolExecutor pool({.max_workers = 1});
  again = [&] {
    if (!stop) {
      pool.submit(std::cref(again));
    }
  };
  pool.submit(std::cref(again));
  EXPECT_EQ(pool.submit([] { return 1; }).result(), 1);
  stop = true;
}

TEST(WaitingWorker, what_a_task_submits_is_taken_by_idle_workers) {
  ThreadPoolExecutor pool({.max_workers = 2});
  threading::Event child_ran;
  const auto parent = pool.submit([&] {
    pool.submit([&child_ran] { child_ran.set(); });
    child_ran.wait();  // no future: only another worker can help
    return 1;
  });
  EXPECT_EQ(parent.result(), 1);
}

TEST(WaitingWorker, a_callback_may_submit_and_wait) {
  ThreadPoolExecutor pool({.max_workers = 1});
  threading::Event done;
  int result = 0;
  pool.submit([] { return 1; }).add_done_callback([&](const Future<int>& first) {
    result = first.result() + pool.submit([] { return 2; }).result();
    done.set();
  });
  done.wait();
  EXPECT_EQ(result, 3);
}

}  // namespace
}  // namespace coeval
