// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// .timeout of the tasks of a pool, on a clock that the tests move.

#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>

#include "executors/threads/pool_support.hpp"
#include "support/fake_clock.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/threading/event.hpp>
#include <coeval/threading/thread.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;

using support::FakeClock;

class TimeoutTest : public testing::Test {
 protected:
  FakeClock clock_;  // first: it outlives the threads of the pool
  ThreadPoolExecutor pool_{{.max_workers = 1, .thread_name_prefix = "timed"}};
};

TEST_F(TimeoutTest, counts_from_the_start_of_the_task_and_not_from_its_submission) {
  support::Occupied occupied(pool_);
  const auto future = pool_.with({.timeout = 10s}).submit([] { return 1; });
  FakeClock::advance(1h);
  EXPECT_FALSE(future.done());
  occupied.release();
  EXPECT_EQ(future.result(), 1);
}

TEST_F(TimeoutTest, that_passes_fails_the_future_at_once) {
  threading::Event started;
  threading::Event gate;
  const auto future = pool_.with({.name = "slow", .timeout = 1500ms}).submit([&] {
    started.set();
    gate.wait();
    return 1;
  });
  started.wait();
  FakeClock::advance(1499ms);
  EXPECT_FALSE(future.done());
  FakeClock::advance(1ms);
  try {
    future.result();
    FAIL() << "nothing was raised";
  } catch (const TimeoutError& error) {
    EXPECT_TRUE(
        std::string(error.what()).starts_with("task 'slow' ran longer than its timeout of 1.5 s"))
        << error.what();
  }
  gate.set();
  pool_.shutdown();
}

TEST_F(TimeoutTest, leaves_a_function_without_stop_token_in_its_worker_until_it_returns) {
  threading::Event started;
  threading::Event gate;
  const auto slow = pool_.with({.timeout = 1s}).submit([&] {
    started.set();
    gate.wait();
  });
  started.wait();
  const auto next = pool_.submit([] { return 2; });
  FakeClock::advance(2s);
  EXPECT_THROW(slow.result(), TimeoutError);
  EXPECT_EQ(pool_.stats().running, 1U);
  EXPECT_EQ(pool_.stats().queued, 1U);
  EXPECT_FALSE(next.done());
  gate.set();
  EXPECT_EQ(next.result(), 2);
  pool_.shutdown();
  EXPECT_EQ(pool_.stats().failed, 1U);
}

TEST_F(TimeoutTest, asks_a_function_with_stop_token_to_end) {
  threading::Event started;
  threading::Event stopped;
  const auto slow = pool_.with({.timeout = 1s}).submit([&](const std::stop_token& stop) {
    const std::stop_callback callback(stop, [&stopped] { stopped.set(); });
    started.set();
    stopped.wait();
  });
  started.wait();
  EXPECT_FALSE(stopped.is_set());
  FakeClock::advance(1s);
  EXPECT_THROW(slow.result(), TimeoutError);
  stopped.wait();
  pool_.shutdown();
}

TEST_F(TimeoutTest, of_many_tasks_passes_in_the_order_of_their_ends) {
  threading::Semaphore started(0);
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 4});
  std::vector<Future<void>> futures;
  for (const auto timeout : {3s, 1s, 4s, 2s}) {
    futures.push_back(pool.with({.timeout = timeout}).submit([&] {
      started.release();
      gate.wait();
    }));
    started.acquire();
  }
  const auto only_these_are_done = [&futures](const std::vector<bool>& expected) {
    for (std::size_t i = 0; i < 4; ++i) {
      if (expected[i]) {
        EXPECT_TRUE(futures[i].wait());
      }
    }
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(futures[i].done(), expected[i]) << i;
    }
  };
  FakeClock::advance(1s);
  only_these_are_done({false, true, false, false});
  FakeClock::advance(1s);
  only_these_are_done({false, true, false, true});
  FakeClock::advance(2s);
  only_these_are_done({true, true, true, true});
  gate.set();
}

TEST_F(TimeoutTest, calls_the_callbacks_in_the_thread_of_the_timer) {
  threading::Event started;
  threading::Event gate;
  threading::Event called;
  std::string caller;
  const auto future = pool_.with({.timeout = 1s}).submit([&] {
    started.set();
    gate.wait();
  });
  future.add_done_callback([&](const Future<void>&) {
    caller = threading::current_thread().name();
    called.set();
  });
  started.wait();
  FakeClock::advance(1s);
  called.wait();
  EXPECT_EQ(caller, "timed_timer");
  gate.set();
  pool_.shutdown();
}

TEST_F(TimeoutTest, a_pool_is_shut_down_while_timeouts_are_far_away) {
  for (int i = 0; i < 20; ++i) {
    ThreadPoolExecutor pool({.max_workers = 2});
    const auto future = pool.with({.timeout = 24h}).submit([i] { return i; });
    EXPECT_EQ(future.result(), i);
  }
}

TEST_F(TimeoutTest, starts_a_thread_only_when_a_task_has_one) {
  const auto timers = [] {
    int count = 0;
    for (const threading::Thread& thread : threading::enumerate()) {
      count += thread.name() == "timed_timer" ? 1 : 0;
    }
    return count;
  };
  pool_.submit([] {}).result();
  EXPECT_EQ(timers(), 0);
  pool_.with({.timeout = 1h}).submit([] {}).result();
  EXPECT_EQ(timers(), 1);
}

TEST_F(TimeoutTest, of_an_inline_task_passes_while_it_runs) {
  InlineExecutor executor;
  threading::Event timed_out;
  const auto future = executor.with({.timeout = 1s}).submit([&](const std::stop_token& stop) {
    const std::stop_callback callback(stop, [&timed_out] { timed_out.set(); });
    FakeClock::advance(1s);
    timed_out.wait();
    return 1;
  });
  EXPECT_THROW(future.result(), TimeoutError);
}

TEST_F(TimeoutTest, of_a_nested_task_fails_the_child_and_not_the_parent) {
  const auto parent = pool_.submit([this] {
    threading::Event timed_out;
    const auto child = pool_.with({.timeout = 1s}).submit([&](const std::stop_token& stop) {
      const std::stop_callback callback(stop, [&timed_out] { timed_out.set(); });
      FakeClock::advance(1s);
      timed_out.wait();
    });
    EXPECT_THROW(child.result(), TimeoutError);
    return 1;
  });
  EXPECT_EQ(parent.result(), 1);
}

TEST_F(TimeoutTest, of_a_pending_task_that_is_cancelled_does_not_matter) {
  support::Occupied occupied(pool_);
  const auto future = pool_.with({.timeout = 1s}).submit([] {});
  EXPECT_TRUE(future.cancel());
  FakeClock::advance(2s);
  EXPECT_THROW(future.result(), CancelledError);
}

}  // namespace
}  // namespace coeval
