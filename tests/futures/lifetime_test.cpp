// SPDX-FileCopyrightText: The coeval authors
// SPDX-License-Identifier: Apache-2.0
// What a task and its future keep, and for how long.

#include <coeval/executors/inline_executor.hpp>
#include <coeval/executors/thread_pool_executor.hpp>
#include <coeval/futures/future.hpp>
#include <coeval/threading/event.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace coeval {
namespace {

using namespace std::chrono_literals;
using Token = std::shared_ptr<int>;

TEST(Lifetime, arguments_and_function_are_destroyed_before_the_result_is_there) {
  ThreadPoolExecutor pool({.max_workers = 1});
  for (int round = 0; round < 100; ++round) {
    const Token argument = std::make_shared<int>(1);
    const Token captured = std::make_shared<int>(2);
    const auto future =
        pool.submit([captured](const Token& n) { return *captured + *n; }, argument);
    EXPECT_EQ(future.result(), 3);
    EXPECT_EQ(argument.use_count(), 1);
    EXPECT_EQ(captured.use_count(), 1);
  }
}

TEST(Lifetime, arguments_are_destroyed_when_the_task_raises) {
  InlineExecutor pool;
  const Token argument = std::make_shared<int>(1);
  const auto future = pool.submit([](const Token&) { throw std::runtime_error("no"); }, argument);
  EXPECT_EQ(argument.use_count(), 1);
}

TEST(Lifetime, arguments_are_destroyed_in_the_call_of_cancel) {
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto occupied = pool.submit([&gate] { gate.wait(); });
  const Token argument = std::make_shared<int>(1);
  const auto future = pool.submit([](const Token& n) { return *n; }, argument);
  EXPECT_EQ(argument.use_count(), 2);
  EXPECT_TRUE(future.cancel());
  EXPECT_EQ(argument.use_count(), 1);
  gate.set();
}

TEST(Lifetime, arguments_are_destroyed_by_a_shutdown_that_cancels) {
  threading::Event gate;
  ThreadPoolExecutor pool({.max_workers = 1});
  const auto occupied = pool.submit([&gate] { gate.wait(); });
  const Token argument = std::make_shared<int>(1);
  const auto future = pool.submit([](const Token& n) { return *n; }, argument);
  pool.shutdown({.wait = false, .cancel_futures = true});
  EXPECT_EQ(argument.use_count(), 1);
  gate.set();
}

TEST(Lifetime, a_result_lives_as_long_as_a_future_shares_it) {
  ThreadPoolExecutor pool({.max_workers = 1});
  Future<Token> future = pool.submit([] { return std::make_shared<int>(1); });
  const std::weak_ptr<int> result = future.result();
  Future<Token> copy = future;
  future = Future<Token>();
  EXPECT_FALSE(result.expired());
  pool.shutdown();
  copy = Future<Token>();
  EXPECT_TRUE(result.expired());
}

TEST(Lifetime, a_result_that_nobody_wants_goes_with_its_task) {
  const Token token = std::make_shared<int>(1);
  ThreadPoolExecutor pool({.max_workers = 1});
  pool.submit([token] { return token; });
  pool.shutdown();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Lifetime, an_exception_lives_as_long_as_its_future) {
  struct Failure {
    Token token;
  };
  const Token token = std::make_shared<int>(1);
  ThreadPoolExecutor pool({.max_workers = 1});
  {
    const auto future = pool.submit([token] { throw Failure{token}; });
    EXPECT_THROW(future.result(), Failure);
    pool.shutdown();
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Lifetime, a_timeout_that_did_not_pass_keeps_no_result) {
  const Token token = std::make_shared<int>(1);
  ThreadPoolExecutor pool({.max_workers = 1});
  pool.with({.timeout = 1h}).submit([token] { return token; }).result();
  pool.submit([] {}).result();  // the worker has let go of the first task
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Lifetime, many_tasks_with_timeouts_leave_nothing_behind) {
  const Token token = std::make_shared<int>(1);
  InlineExecutor pool;
  for (int i = 0; i < 100; ++i) {
    pool.with({.timeout = 1h}).submit([token] { return token; });
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Lifetime, pending_tasks_go_with_a_pool_that_they_keep_busy) {
  const Token token = std::make_shared<int>(1);
  std::vector<Future<int>> futures;
  {
    ThreadPoolExecutor pool({.max_workers = 2});
    for (int i = 0; i < 100; ++i) {
      futures.push_back(pool.submit([token] { return *token; }));
    }
  }
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(futures.back().result(), 1);
}

}  // namespace
}  // namespace coeval
