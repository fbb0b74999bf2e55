// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include "contract/executors.hpp"
#include "contract/tasks.hpp"

#include <string>
#include <thread>
#include <vector>

namespace coeval::contract {
namespace {

template <class Case>
class ShutdownTest : public ExecutorTest<Case> {};

template <class Case>
class BusyShutdownTest : public BusyExecutorTest<Case> {};

CONTRACT_TEST(ShutdownTest, submit_after_it_raises) {
  this->pool_.shutdown();
  try {
    this->pool_.submit(square, 1);
    FAIL() << "nothing was raised";
  } catch (const RuntimeError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("cannot schedule new futures after shutdown"))
        << error.what();
  }
}

CONTRACT_TEST(ShutdownTest, every_way_of_submitting_raises_after_it) {
  const auto configured = this->pool_.with({.name = "late"});
  AnyExecutor any = this->pool_;
  this->pool_.shutdown({.wait = false});
  EXPECT_THROW(this->pool_.submit(square, 1), RuntimeError);
  EXPECT_THROW(this->pool_.try_submit(square, 1), RuntimeError);
  EXPECT_THROW(configured.submit(square, 1), RuntimeError);
  EXPECT_THROW(configured.try_submit(square, 1), RuntimeError);
  EXPECT_THROW(any.submit(square, 1), RuntimeError);
  EXPECT_EQ(this->pool_.stats().submitted, 0U);
}

CONTRACT_TEST(ShutdownTest, may_be_repeated_in_any_form) {
  this->pool_.submit(square, 1);
  this->pool_.shutdown({.wait = false});
  this->pool_.shutdown();
  this->pool_.shutdown({.cancel_futures = true});
  this->pool_.shutdown();
  EXPECT_EQ(this->pool_.stats().completed, 1U);
}

CONTRACT_TEST(ShutdownTest, of_an_executor_without_tasks_returns) {
  this->pool_.shutdown();
}

CONTRACT_TEST(ShutdownTest, may_be_called_by_several_threads) {
  const auto future = this->pool_.submit(square, 3);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, &future] {
      this->pool_.shutdown();
      EXPECT_TRUE(future.done());
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

CONTRACT_TEST(ShutdownTest, leaves_no_task_behind) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 200; ++i) {
    futures.push_back(this->pool_.submit(square, i));
  }
  this->pool_.shutdown();
  for (const Future<int>& future : futures) {
    EXPECT_TRUE(future.done());
  }
  EXPECT_EQ(futures[14].result(), 196);
}

CONTRACT_TEST(ShutdownTest, is_what_the_destructor_does) {
  std::vector<Future<int>> futures;
  {
    auto pool = this->make();
    for (int i = 0; i < 50; ++i) {
      futures.push_back(pool.submit(square, i));
    }
  }
  for (const Future<int>& future : futures) {
    EXPECT_TRUE(future.done());
    EXPECT_FALSE(future.cancelled());
  }
}

CONTRACT_TEST(ShutdownTest, racing_submit_loses_no_task) {
  std::vector<Future<int>> futures;
  std::thread submitter([&] {
    try {
      for (;;) {
        futures.push_back(this->pool_.submit(square, 3));
      }
    } catch (const RuntimeError&) {
      // The shutdown.
    }
  });
  this->pool_.shutdown();
  submitter.join();
  for (const Future<int>& future : futures) {
    EXPECT_EQ(future.result(), 9);
  }
}

CONTRACT_TEST(BusyShutdownTest, without_wait_returns_at_once_and_the_work_goes_on) {
  const auto pending = this->pool_.submit(square, 3);
  this->pool_.shutdown({.wait = false});
  EXPECT_FALSE(this->running().done());
  EXPECT_FALSE(pending.done());
  this->release();
  EXPECT_EQ(this->running().result(), 7);
  EXPECT_EQ(pending.result(), 9);
}

CONTRACT_TEST(BusyShutdownTest, without_wait_may_be_followed_by_one_that_waits) {
  const auto pending = this->pool_.submit(square, 3);
  this->pool_.shutdown({.wait = false});
  this->release();
  this->pool_.shutdown();
  EXPECT_TRUE(pending.done());
  EXPECT_TRUE(this->running().done());
}

CONTRACT_TEST(BusyShutdownTest, with_wait_returns_when_the_queue_is_empty) {
  const auto pending = this->pool_.submit(square, 3);
  std::thread opener([this] { this->release(); });
  this->pool_.shutdown();
  EXPECT_TRUE(pending.done());
  EXPECT_TRUE(this->running().done());
  opener.join();
}

CONTRACT_TEST(BusyShutdownTest, with_cancel_futures_cancels_what_is_pending) {
  const auto first = this->pool_.submit(square, 3);
  const auto second = this->pool_.submit(square, 4);
  this->pool_.shutdown({.wait = false, .cancel_futures = true});
  EXPECT_TRUE(first.cancelled());
  EXPECT_TRUE(second.cancelled());
  EXPECT_FALSE(this->running().done());
  this->release();
  EXPECT_EQ(this->running().result(), 7);
  this->pool_.shutdown();
  const ExecutorStats stats = this->pool_.stats();
  EXPECT_EQ(stats.cancelled, 2U);
  EXPECT_EQ(stats.queued, 0U);
  EXPECT_EQ(stats.completed, this->running_.size());
}

CONTRACT_TEST(BusyShutdownTest, may_cancel_later_than_it_began) {
  const auto pending = this->pool_.submit(square, 3);
  this->pool_.shutdown({.wait = false});
  EXPECT_FALSE(pending.done());
  this->pool_.shutdown({.wait = false, .cancel_futures = true});
  EXPECT_TRUE(pending.cancelled());
  this->release();
}

CONTRACT_TEST(BusyShutdownTest, wakes_those_who_wait_for_a_task_that_it_cancels) {
  const auto pending = this->pool_.submit(square, 3);
  std::thread waiter([&pending] { EXPECT_THROW(pending.result(), CancelledError); });
  this->pool_.shutdown({.wait = false, .cancel_futures = true});
  waiter.join();
  this->release();
}

}  // namespace
}  // namespace coeval::contract
