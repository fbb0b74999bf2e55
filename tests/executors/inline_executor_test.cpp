// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
#include <coeval/executors/inline_executor.hpp>

#include <coeval/core/errors.hpp>
#include <coeval/futures/promise.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace coeval {
namespace {

int nest(InlineExecutor& pool, int depth) {
  return depth == 0 ? 0 : 1 + pool.submit(nest, std::ref(pool), depth - 1).result();
}

TEST(InlineExecutor, runs_the_task_in_the_call_of_submit) {
  InlineExecutor pool;
  bool ran = false;
  const auto future = pool.submit([&ran] {
    ran = true;
    return std::this_thread::get_id();
  });
  EXPECT_TRUE(ran);
  EXPECT_TRUE(future.done());
  EXPECT_EQ(future.result(), std::this_thread::get_id());
}

TEST(InlineExecutor, submit_raises_nothing_of_what_the_task_raises) {
  InlineExecutor pool;
  Future<void> future;
  EXPECT_NO_THROW(future = pool.submit([] { throw std::runtime_error("no"); }));
  EXPECT_THROW(future.result(), std::runtime_error);
}

TEST(InlineExecutor, tasks_nest) {
  InlineExecutor pool;
  EXPECT_EQ(pool.submit(nest, std::ref(pool), 100).result(), 100);
}

TEST(InlineExecutor, a_task_sees_itself_running) {
  InlineExecutor pool;
  const auto future = pool.submit([&pool] { return pool.stats().running; });
  EXPECT_EQ(future.result(), 1U);
  EXPECT_EQ(pool.stats().running, 0U);
}

TEST(InlineExecutor, the_threads_that_submit_run_their_own_tasks) {
  InlineExecutor pool;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&pool] {
      for (int j = 0; j < 100; ++j) {
        EXPECT_EQ(pool.submit([] { return std::this_thread::get_id(); }).result(),
                  std::this_thread::get_id());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(pool.stats().completed, 400U);
}

TEST(InlineExecutor, has_a_name) {
  EXPECT_EQ(InlineExecutor().stats().name, "InlineExecutor");
  EXPECT_EQ(InlineExecutor("mine").stats().name, "mine");
  try {
    InlineExecutor pool("mine");
    pool.shutdown();
    pool.submit([] {});
    FAIL() << "nothing was raised";
  } catch (const RuntimeError& error) {
    EXPECT_STREQ(error.what(), "cannot schedule new futures after shutdown of executor 'mine'");
  }
}

TEST(InlineExecutor, a_task_may_shut_it_down) {
  InlineExecutor pool;
  pool.submit([&pool] { pool.shutdown(); }).result();
  EXPECT_THROW(pool.submit([] {}), RuntimeError);
}

TEST(InlineExecutor, then_on_it_runs_in_the_completing_thread) {
  InlineExecutor pool;
  Promise<int> promise;
  const auto after = promise.future().then(pool, [](int) { return std::this_thread::get_id(); });
  promise.set_result(1);
  EXPECT_EQ(after.result(), std::this_thread::get_id());
  EXPECT_EQ(pool.stats().completed, 1U);
}

TEST(InlineExecutor, a_continuation_that_was_cancelled_is_counted_and_not_run) {
  InlineExecutor pool;
  Promise<int> promise;
  bool ran = false;
  const auto after = promise.future().then(pool, [&ran](int) { ran = true; });
  EXPECT_TRUE(after.cancel());
  promise.set_result(1);
  EXPECT_FALSE(ran);
  EXPECT_EQ(pool.stats().completed, 0U);
}

}  // namespace
}  // namespace coeval
