// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// The bounded queue of a ThreadPoolExecutor, and priorities.

#include <coeval/executors/thread_pool_executor.hpp>

#include "core/system_scope.hpp"
#include "executors/threads/pool_support.hpp"

#include <coeval/core/errors.hpp>
#include <coeval/futures/promise.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace coeval {
namespace {

// Tells when a thread of the test's own goes to sleep inside the library.
class SleepWatch {
 public:
  SleepWatch()
      : scope_([](SystemCalls& table) {
          table.futex_wait = [](const std::uint32_t* word, std::uint32_t expected,
                                std::int64_t deadline) noexcept -> int {
            if (watched) {
              sleeps.fetch_add(1);
            }
            return kernel().futex_wait(word, expected, deadline);
          };
        }) {
    sleeps = 0;
  }

  static void watch_this_thread() { watched = true; }
  static void wait_for_sleep() {
    support::until([] { return sleeps > 0; });
  }

 private:
  static inline thread_local bool watched = false;
  static inline std::atomic<int> sleeps = 0;
  support::SystemScope scope_;
};

// One worker that is held, and a full queue of one task.
class FullPoolTest : public testing::Test {
 protected:
  void fill(WhenFull when_full) {
    pool_.emplace(ThreadPoolOptions{
        .max_workers = 1, .thread_name_prefix = "full", .max_queue = 1, .when_full = when_full});
    occupied_.emplace(*pool_);
    queued_ = pool_->submit([] { return 1; });
  }

  SleepWatch sleep_watch_;
  std::optional<ThreadPoolExecutor> pool_;
  std::optional<support::Occupied> occupied_;
  Future<int> queued_;
};

TEST_F(FullPoolTest, fail_raises_queue_full) {
  fill(WhenFull::fail);
  try {
    pool_->submit([] {});
    FAIL() << "nothing was raised";
  } catch (const QueueFull& error) {
    EXPECT_STREQ(error.what(), "the queue of pool 'full' is full: 1 tasks wait");
  }
  EXPECT_EQ(pool_->stats().submitted, 2U);
  occupied_.reset();
  EXPECT_EQ(queued_.result(), 1);
  EXPECT_EQ(pool_->submit([] { return 2; }).result(), 2);
}

TEST_F(FullPoolTest, a_refused_task_keeps_nothing) {
  fill(WhenFull::fail);
  const auto token = std::make_shared<int>(1);
  EXPECT_THROW(pool_->submit([](const std::shared_ptr<int>&) {}, token), QueueFull);
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(FullPoolTest, try_submit_gives_nothing_whatever_the_rule) {
  for (const WhenFull rule : {WhenFull::fail, WhenFull::block, WhenFull::run_in_caller}) {
    fill(rule);
    EXPECT_EQ(pool_->try_submit([] { return 2; }), std::nullopt);
    EXPECT_EQ(pool_->with({.name = "n"}).try_submit([] { return 2; }), std::nullopt);
    occupied_.reset();
    EXPECT_TRUE(queued_.wait());
    support::until([this] { return pool_->stats().queued == 0; });
    EXPECT_TRUE(pool_->try_submit([] { return 2; }).has_value());
  }
}

TEST_F(FullPoolTest, run_in_caller_runs_the_task_in_the_thread_that_submits) {
  fill(WhenFull::run_in_caller);
  const auto here = pool_->submit([] { return std::this_thread::get_id(); });
  EXPECT_TRUE(here.done());
  EXPECT_EQ(here.result(), std::this_thread::get_id());
  EXPECT_FALSE(queued_.done());
  EXPECT_THROW(pool_->submit([] { throw ValueError("no"); }).result(), ValueError);
  occupied_.reset();
  pool_->shutdown();
  const ExecutorStats stats = pool_->stats();
  EXPECT_EQ(stats.submitted, 4U);
  EXPECT_EQ(stats.completed, 3U);
  EXPECT_EQ(stats.failed, 1U);
}

TEST_F(FullPoolTest, block_waits_until_there_is_room) {
  fill(WhenFull::block);
  std::atomic<bool> submitted = false;
  std::thread submitter([&] {
    SleepWatch::watch_this_thread();
    const auto future = pool_->submit([] { return 2; });
    submitted = true;
    EXPECT_EQ(future.result(), 2);
  });
  SleepWatch::wait_for_sleep();
  EXPECT_FALSE(submitted);
  occupied_.reset();
  submitter.join();
  EXPECT_EQ(queued_.result(), 1);
}

TEST_F(FullPoolTest, many_blocked_submitters_all_get_through) {
  fill(WhenFull::block);
  std::atomic<int> runs = 0;
  std::vector<std::thread> submitters;
  for (int i = 0; i < 8; ++i) {
    submitters.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        pool_->submit([&runs] { ++runs; });
      }
    });
  }
  occupied_.reset();
  for (std::thread& submitter : submitters) {
    submitter.join();
  }
  pool_->shutdown();
  EXPECT_EQ(runs, 400);
}

TEST_F(FullPoolTest, a_shutdown_releases_blocked_submitters_with_runtime_error) {
  fill(WhenFull::block);
  std::vector<std::thread> submitters;
  for (int i = 0; i < 3; ++i) {
    submitters.emplace_back([this] {
      SleepWatch::watch_this_thread();
      EXPECT_THROW(pool_->submit([] {}), RuntimeError);
    });
  }
  SleepWatch::wait_for_sleep();
  pool_->shutdown({.wait = false});
  for (std::thread& submitter : submitters) {
    submitter.join();
  }
  occupied_.reset();
  pool_->shutdown();
  EXPECT_EQ(pool_->stats().completed, 2U);
}

TEST_F(FullPoolTest, a_worker_of_it_runs_what_it_submits_itself) {
  pool_.emplace(ThreadPoolOptions{.max_workers = 1, .max_queue = 1});
  const auto parent = pool_->submit([this] {
    const auto queued = pool_->submit([] { return std::this_thread::get_id(); });
    const auto here = pool_->submit([] { return std::this_thread::get_id(); });
    return !queued.done() && here.done() && here.result() == std::this_thread::get_id();
  });
  EXPECT_TRUE(parent.result());
  pool_->shutdown();
  EXPECT_EQ(pool_->stats().completed, 3U);
}

TEST_F(FullPoolTest, a_worker_of_it_gets_queue_full_when_it_is_to_fail) {
  pool_.emplace(ThreadPoolOptions{.max_workers = 1, .max_queue = 1, .when_full = WhenFull::fail});
  const auto parent = pool_->submit([this] {
    pool_->submit([] {});
    EXPECT_THROW(pool_->submit([] {}), QueueFull);
    EXPECT_EQ(pool_->try_submit([] {}), std::nullopt);
  });
  EXPECT_NO_THROW(parent.result());
}

TEST_F(FullPoolTest, nested_tasks_end_although_the_queue_is_full) {
  pool_.emplace(ThreadPoolOptions{.max_workers = 2, .max_queue = 1});
  const auto row = [this](int n) {
    int sum = 0;
    for (const int m : pool_->map([](int k) { return k; }, std::vector{1, 2, 3})) {
      sum += n * m;
    }
    return sum;
  };
  EXPECT_EQ(list(pool_->map(row, std::vector{1, 10, 100})), (std::vector{6, 60, 600}));
}

TEST_F(FullPoolTest, room_that_a_waiting_worker_makes_is_given_to_a_blocked_submitter) {
  pool_.emplace(ThreadPoolOptions{.max_workers = 1, .max_queue = 1});
  threading::Event queue_is_full;
  threading::Event others_wait;
  const auto parent = pool_->submit([&] {
    const auto child = pool_->submit([] { return 1; });
    queue_is_full.set();
    others_wait.wait();
    return child.result();  // takes the child out of the queue itself
  });
  queue_is_full.wait();
  std::thread submitter([this] {
    SleepWatch::watch_this_thread();
    EXPECT_EQ(pool_->submit([] { return 2; }).result(), 2);
  });
  SleepWatch::wait_for_sleep();
  others_wait.set();
  submitter.join();
  EXPECT_EQ(parent.result(), 1);
}

TEST_F(FullPoolTest, room_that_a_worker_makes_by_helping_is_given_to_a_blocked_submitter) {
  pool_.emplace(ThreadPoolOptions{.max_workers = 1, .max_queue = 1});
  Promise<int> promise;
  threading::Event queue_is_full;
  threading::Event others_wait;
  const auto parent = pool_->submit([&] {
    pool_->submit([&promise] { promise.set_result(1); });
    queue_is_full.set();
    others_wait.wait();
    return promise.future().result();  // runs the child, as it submitted it
  });
  queue_is_full.wait();
  std::thread submitter([this] {
    SleepWatch::watch_this_thread();
    EXPECT_EQ(pool_->submit([] { return 2; }).result(), 2);
  });
  SleepWatch::wait_for_sleep();
  others_wait.set();
  submitter.join();
  EXPECT_EQ(parent.result(), 1);
  pool_->shutdown();  // nobody uses the promise any more
}

TEST_F(FullPoolTest, the_room_of_a_shutdown_that_cancels_is_no_room) {
  fill(WhenFull::block);
  std::thread submitter([this] {
    SleepWatch::watch_this_thread();
    EXPECT_THROW(pool_->submit([] {}), RuntimeError);
  });
  SleepWatch::wait_for_sleep();
  pool_->shutdown({.wait = false, .cancel_futures = true});
  submitter.join();
  EXPECT_TRUE(queued_.cancelled());
}

// The order in which one worker runs tasks of these priorities.
std::vector<int> order_of(const std::vector<int>& priorities) {
  std::vector<int> order;
  ThreadPoolExecutor pool({.max_workers = 1});
  {
    const support::Occupied occupied(pool);
    for (std::size_t i = 0; i < priorities.size(); ++i) {
      pool.with({.priority = priorities[i]}).submit([&order, i] {
        order.push_back(static_cast<int>(i));
      });
    }
  }
  pool.shutdown();
  return order;
}

TEST(Priority, equal_tasks_run_in_the_order_of_submission) {
  EXPECT_EQ(order_of({0, 0, 0, 0}), (std::vector{0, 1, 2, 3}));
  EXPECT_EQ(order_of({3, 3, 3}), (std::vector{0, 1, 2}));
}

TEST(Priority, the_higher_runs_first) {
  EXPECT_EQ(order_of({0, 1, -1, 5, 1, 0}), (std::vector{3, 1, 4, 0, 5, 2}));
}

TEST(Priority, of_a_task_that_a_worker_submits_counts_too) {
  std::vector<int> order;
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto parent = pool.submit([&] {
    pool.submit([&order] { order.push_back(0); });
    pool.with({.priority = -1}).submit([&order] { order.push_back(-1); });
    pool.with({.priority = 7}).submit([&order] { order.push_back(7); });
  });
  parent.result();
  pool.shutdown();
  EXPECT_EQ(order, (std::vector{7, 0, -1}));
}

}  // namespace
}  // namespace coeval
